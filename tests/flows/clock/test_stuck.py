"""Stuck sessions are found: each reason, since when, and the last error."""

from datetime import datetime

import pytest

from actions.attendance.final_result import finalise_attendance
from actions.clock.sweep import advance_due
from actions.rooms.room import make_room
from actions.writing.due_work import claim_due, retry
from domain.access import UserRole, Viewer
from domain.errors import InvalidInputError, LiveKitUnavailableError
from domain.session import WorkKind
from domain.stuck import Stuck, StuckReason
from models import DueWork, Session
from models.reading.pages import BY_ID
from models.reading.stuck import read_signs, stuck_of, stuck_page
from tests.support import make
from tests.support.classrooms import Classroom, at, ready, scheduled
from tests.support.livekit_events import Room, send
from tests.support.livekit_stub import LiveKitStub
from tests.support.ticking import reaching

pytestmark = pytest.mark.usefixtures("database")


async def stuck(classroom: Classroom, now: datetime) -> Stuck | None:
    """The reason by the row; the list must say the same."""
    row = await classroom.now()
    found = stuck_of(row, (await read_signs([row.id]))[row.id], now)
    super_admin = Viewer(1, UserRole.SUPER_ADMIN, None)
    listed = await stuck_page(super_admin, now)
    assert (row.id in [one.id for one in listed.rows]) is (found is not None)
    return found


async def with_room(classroom: Classroom, now: datetime) -> None:
    async with LiveKitStub() as stub, reaching(stub.url) as livekit:
        await make_room(livekit, classroom.session.id, now)


async def fail(classroom: Classroom, kind: WorkKind, now: datetime) -> None:
    (claim,) = [one for one in await claim_due(now) if one.kind is kind]
    await retry(claim, LiveKitUnavailableError("LiveKit cannot be reached."), now)


async def test_a_session_that_goes_as_it_should_is_never_stuck() -> None:
    classroom = await scheduled()
    assert await stuck(classroom, at(-11)) is None
    await advance_due(at(-10))
    await with_room(classroom, at(-10, 1))
    assert await stuck(classroom, at(-1)) is None
    room = Room(await classroom.now(), at(-9))
    await send(room.joined(classroom.stay(0, classroom.teacher)), at(0))
    assert await stuck(classroom, at(64)) is None
    await advance_due(at(65))
    await finalise_attendance(classroom.session.id, at(65, 10))
    await DueWork.all().delete()
    assert await stuck(classroom, at(600)) is None


async def test_a_move_that_is_late_is_overdue_and_says_what_went_wrong() -> None:
    classroom = await scheduled()
    assert await stuck(classroom, at(-10, 5)) is None
    assert await stuck(classroom, at(-10, 5.1)) == Stuck(StuckReason.OVERDUE, at(-10), None)
    await Session.all().update(parked_until=at(-8), last_error="ValueError: no")
    assert await stuck(classroom, at(-9)) == Stuck(StuckReason.OVERDUE, at(-10), "ValueError: no")


async def test_a_live_session_without_a_meeting_says_why() -> None:
    classroom = await ready(auto_create_meetings=False)
    found = await stuck(classroom, at(-10))
    assert found is not None
    assert (found.reason, found.since) == (StuckReason.NO_MEETING, at(-10))
    row = await classroom.now()
    assert found.detail == (row.meeting_refusal or {})["message"]


async def test_a_room_that_livekit_has_not_confirmed_says_what_it_answered() -> None:
    classroom = await ready()
    assert await stuck(classroom, at(-10, 30)) is None
    assert await stuck(classroom, at(-9)) == Stuck(StuckReason.ROOM_NOT_MADE, at(-10), None)
    async with LiveKitStub() as stub, reaching(stub.url) as livekit:
        await stub.go_down()
        with pytest.raises(LiveKitUnavailableError):
            await make_room(livekit, classroom.session.id, at(-9))
    found = await stuck(classroom, at(-9))
    assert found is not None
    assert found.detail == "LiveKit cannot be reached."


async def test_a_room_that_was_lost_is_missed_since_it_was_seen() -> None:
    classroom = await ready()
    await with_room(classroom, at(-9))
    await Session.all().update(room_seen_at=at(5), room_error="no")
    await advance_due(at(0))
    assert await stuck(classroom, at(5, 30)) is None
    assert await stuck(classroom, at(6)) == Stuck(StuckReason.ROOM_NOT_MADE, at(5), "no")


async def test_a_session_found_too_late_for_a_room_does_not_miss_it() -> None:
    classroom = await scheduled(max_overtime_minutes=30)
    await advance_due(at(61))
    assert (await classroom.now()).status == "ONGOING"
    assert await stuck(classroom, at(64)) is None


async def test_a_room_that_is_not_closed_says_what_livekit_answered() -> None:
    classroom = await ready()
    await with_room(classroom, at(-9))
    await advance_due(at(0))
    await advance_due(at(65))
    await DueWork.filter(kind=WorkKind.MAKE_ROOM).delete()
    await fail(classroom, WorkKind.DELETE_ROOM, at(65))
    await finalise_attendance(classroom.session.id, at(65, 10))
    assert await stuck(classroom, at(65, 30)) is None
    found = await stuck(classroom, at(66))
    told = "LiveKitUnavailableError: LiveKit cannot be reached."
    assert found == Stuck(StuckReason.NOT_ENDED, at(65), told)


async def test_a_result_that_is_not_there_says_why() -> None:
    classroom = await ready()
    await advance_due(at(65))
    await DueWork.exclude(kind=WorkKind.FINALISE_ATTENDANCE).delete()
    assert await stuck(classroom, at(66)) is None
    assert await stuck(classroom, at(67)) == Stuck(StuckReason.NOT_FINALISED, at(65), None)
    await fail(classroom, WorkKind.FINALISE_ATTENDANCE, at(67))
    found = await stuck(classroom, at(67))
    assert found is not None
    assert found.detail is not None


async def test_the_list_is_the_academys_and_goes_on_where_it_ended() -> None:
    academy, elsewhere = await make.academy(), await make.academy()
    for where in (academy, elsewhere, academy, academy):
        teacher = await make.teacher(where)
        await make.session(where, teacher, student=await make.student(where))
    own = [row.id for row in await Session.filter(academy_id=academy.id).order_by("id")]
    supervisor = make.viewer(await make.user(academy, UserRole.SUPERVISOR))
    seen: list[int] = []
    after = None
    for left in (True, True, False):
        found = await stuck_page(supervisor, at(0), first=1, after=after)
        assert found.has_next is left
        seen += [row.id for row in found.rows]
        after = BY_ID.cursor(found.rows[-1])
    assert seen == own
    for role, number in ((UserRole.TEACHER, 0), (UserRole.ACADEMY_ADMIN, 3)):
        viewer = make.viewer(await make.user(academy, role))
        assert len((await stuck_page(viewer, at(0))).rows) == number
    with pytest.raises(InvalidInputError):
        await stuck_page(supervisor, at(0), after="nonsense")
