"""A rescheduled session keeps nothing of what was known of its old room."""

import pytest

from actions.attendance.final_result import finalise_attendance
from actions.clock.sweep import advance_due
from actions.rooms.reconciler import reconcile_rooms
from actions.rooms.room import delete_room, make_room
from actions.sessions.session_reschedule import reschedule_session
from domain.attendance.state import to_ms
from domain.status import SessionStatus
from domain.stuck import StuckReason
from gateways.livekit import LiveKit
from models import Session
from models.reading.stuck import read_signs, stuck_of
from tests.support import make
from tests.support.attendance_rows import state
from tests.support.classrooms import Classroom, at, ready
from tests.support.livekit_events import Room, send

pytestmark = pytest.mark.usefixtures("database")


async def with_room(livekit: LiveKit) -> Classroom:
    """A READY session whose room LiveKit made nine minutes before the start."""
    classroom = await ready()
    await make_room(livekit, classroom.session.id, at(-9))
    row = await classroom.now()
    await Session.filter(id=row.id).update(
        room_created_ms=to_ms(at(-9)), room_first_ready_at=at(-9)
    )
    return Classroom(
        row, classroom.teacher, classroom.students, Room(row, at(-9), sid=str(row.room_sid))
    )


async def later(classroom: Classroom, minutes: float) -> Session:
    teacher = make.viewer(classroom.teacher)
    return await reschedule_session(teacher, classroom.session.id, at(minutes), None, at(-6))


async def test_a_rescheduled_session_forgets_its_old_room(livekit: LiveKit) -> None:
    classroom = await with_room(livekit)
    await Session.filter(id=classroom.session.id).update(room_seen_at=at(-7), room_error="No.")
    row = await later(classroom, 300)
    assert (row.room_first_ready_at, row.room_ready_at, row.room_seen_at) == (None, None, None)
    assert row.room_sid is None
    assert not row.room_error


async def test_a_next_room_that_is_not_made_is_told_of_as_stuck(livekit: LiveKit) -> None:
    classroom = await with_room(livekit)
    await later(classroom, 300)
    await delete_room(livekit, classroom.session.id, at(-5))
    await advance_due(at(290))
    row = await classroom.now()
    stuck = stuck_of(row, (await read_signs([row.id]))[row.id], at(295))
    assert stuck is not None
    assert stuck.reason is StuckReason.ROOM_NOT_MADE


@pytest.mark.parametrize("word", ["started", "finished"])
async def test_late_webhooks_of_the_old_room_do_not_touch_the_next(
    livekit: LiveKit, word: str
) -> None:
    classroom = await with_room(livekit)
    await later(classroom, 3)  # the new date makes it READY again at once
    late = classroom.room.started() if word == "started" else classroom.room.finished(at(-5))
    await send(late, at(-5))
    row = await classroom.now()
    assert row.status is SessionStatus.READY
    assert (row.room_first_ready_at, row.room_ready_at, row.room_sid) == (None, None, None)
    await advance_due(at(69))
    await finalise_attendance(row.id, at(70))
    assert (await state(row.id, classroom.student)).result.status is None  # nobody could come


async def test_the_old_room_counts_again_where_it_is_found_to_be_there(livekit: LiveKit) -> None:
    classroom = await with_room(livekit)
    await later(classroom, 3)
    await reconcile_rooms(livekit, at(-5))
    row = await classroom.now()
    assert row.room_sid == classroom.session.room_sid
    assert row.room_first_ready_at is not None
    assert row.room_ready_at == at(-5)


async def test_a_join_into_the_old_room_after_the_reopening_makes_the_session_joinable(
    livekit: LiveKit,
) -> None:
    classroom = await with_room(livekit)
    await later(classroom, 3)
    await send(classroom.room.joined(classroom.stay(-5)), at(-5))
    row = await classroom.now()
    assert row.status is SessionStatus.ONGOING
    assert row.was_joinable


async def test_a_newer_room_tells_of_itself(livekit: LiveKit) -> None:
    classroom = await with_room(livekit)
    await later(classroom, 3)
    await send(Room(classroom.session, at(-4), sid="RM_new").started(), at(-4))
    row = await classroom.now()
    assert (row.room_sid, row.room_first_ready_at) == ("RM_new", at(-4))
