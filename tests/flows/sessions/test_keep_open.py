"""A session kept open outlives its schedule, its room and its teacher's connection."""

from datetime import datetime
from typing import Any

import pytest

from actions.clock.sweep import advance_due
from actions.rooms.reconciler import reconcile_rooms
from actions.rooms.room import spec_of
from actions.sessions.session_cancel import cancel_session
from actions.sessions.session_keep_open import keep_session_open, release_session
from actions.sessions.session_reschedule import reschedule_session
from actions.sessions.session_status import change_session_status
from domain.access import UserRole
from domain.errors import ForbiddenError, InvalidInputError, WrongStatusError
from domain.status import SessionStatus
from models import MeetingAttendance, Session
from tests.support import make
from tests.support.classrooms import Classroom, at, ready
from tests.support.livekit_events import send
from tests.support.livekit_stub import LiveKitStub
from tests.support.ticking import reaching, stream, told

pytestmark = pytest.mark.usefixtures("database")


async def kept(minutes: int | None, now: datetime, **settings: Any) -> Classroom:
    """An ongoing session that its teacher keeps open since `now`."""
    classroom = await ready(**settings)
    await advance_due(at(0))
    await keep_session_open(make.viewer(classroom.teacher), classroom.session.id, minutes, now)
    return classroom


async def test_a_session_kept_open_completes_when_its_time_runs_out() -> None:
    classroom = await kept(90, at(30))
    row = await classroom.now()
    assert (row.kept_open_since, row.kept_open_until) == (at(30), at(120))
    assert (row.kept_open_by_id, row.next_transition_at) == (classroom.teacher.id, at(120))
    assert row.meeting_expires_at == at(180)
    await advance_due(at(119))
    assert (await classroom.now()).status is SessionStatus.ONGOING
    await advance_due(at(120))
    row = await classroom.now()
    assert (row.status, row.ended_at) == (SessionStatus.COMPLETED, at(120))
    assert (row.kept_open_since, row.kept_open_until, row.kept_open_by_id) == (None, None, None)
    end = ["KEPT_OPEN_CHANGED", "COMPLETED", "KEPT_OPEN_CHANGED", "MEETING_ENDED"]
    assert (await told(row.id))[-4:] == end
    assert (await stream(row.id))[-2].payload == {"kept_open": None}


async def test_a_session_is_kept_open_for_half_an_hour_after_its_end_by_default() -> None:
    classroom = await kept(None, at(20))
    assert (await classroom.now()).kept_open_until == at(90)


async def test_keeping_open_for_less_than_the_schedule_is_refused() -> None:
    classroom = await kept(5, at(20))
    assert (await classroom.now()).kept_open_until == at(65)


async def test_the_last_call_counts_and_the_first_says_since_when() -> None:
    classroom = await kept(90, at(30))
    await keep_session_open(make.viewer(classroom.teacher), classroom.session.id, 60, at(40))
    row = await classroom.now()
    assert (row.kept_open_since, row.kept_open_until) == (at(30), at(100))
    assert (await told(row.id)).count("KEPT_OPEN_CHANGED") == 2


async def test_a_session_released_before_its_end_completes_on_schedule() -> None:
    classroom = await kept(90, at(30))
    row = await release_session(make.viewer(classroom.teacher), classroom.session.id, at(50))
    assert (row.next_transition_at, row.meeting_expires_at) == (at(65), at(120))
    assert row.kept_open_until is None
    version = row.version
    again = await release_session(make.viewer(classroom.teacher), classroom.session.id, at(51))
    assert again.version == version
    await advance_due(at(65))
    assert (await classroom.now()).status is SessionStatus.COMPLETED


async def test_a_session_released_after_its_end_completes_at_once_and_ends_the_stays() -> None:
    classroom = await kept(90, at(30))
    await send(classroom.room.joined(classroom.stay(31)), at(31))
    row = await release_session(make.viewer(classroom.teacher), classroom.session.id, at(70))
    assert (row.status, row.ended_at) == (SessionStatus.COMPLETED, at(70))
    attendance = await MeetingAttendance.get(session_id=row.id)
    assert attendance.joined_since_ms is None


async def test_a_finished_room_does_not_complete_it_and_is_made_again() -> None:
    classroom = await kept(90, at(30))
    await send(classroom.room.started(), at(1))
    await send(classroom.room.finished(at(70)), at(70))
    assert (await classroom.now()).status is SessionStatus.ONGOING
    async with LiveKitStub() as stub, reaching(stub.url) as livekit:
        assert await reconcile_rooms(livekit, at(71)) == 1
        assert [*stub.rooms] == [(await classroom.now()).room_name]
    await release_session(make.viewer(classroom.teacher), classroom.session.id, at(72))
    assert (await classroom.now()).status is SessionStatus.COMPLETED


async def test_a_finished_room_completes_a_session_that_is_not_kept_open() -> None:
    classroom = await ready()
    await advance_due(at(0))
    await send(classroom.room.started(), at(1))
    await send(classroom.room.finished(at(62)), at(62))
    assert (await classroom.now()).status is SessionStatus.COMPLETED


async def test_the_room_of_a_session_kept_open_lives_half_an_hour_longer() -> None:
    classroom = await kept(120, at(0))
    assert spec_of(await classroom.now(), at(0)).departure_timeout_s == 150 * 60


async def test_attendance_is_counted_up_to_the_scheduled_end() -> None:
    classroom = await kept(90, at(30))
    stay = classroom.stay(50)
    await send(classroom.room.joined(stay), at(50))
    await send(classroom.room.left(stay, at(100)), at(100))
    attendance = await MeetingAttendance.get(session_id=classroom.session.id)
    assert attendance.closed_ms == 10 * 60 * 1000


async def test_people_inside_hold_a_released_session_open() -> None:
    classroom = await kept(None, at(30), max_overtime_minutes=50)
    await send(classroom.room.joined(classroom.stay(31)), at(31))
    await keep_session_open(make.viewer(classroom.teacher), classroom.session.id, 1, at(65))
    assert (await classroom.now()).kept_open_until == at(66)
    await advance_due(at(66))
    row = await classroom.now()
    assert (row.status, row.kept_open_until) == (SessionStatus.ONGOING, None)
    assert row.next_transition_at == at(115)
    assert (await told(row.id))[-1] == "KEPT_OPEN_CHANGED"


async def test_rescheduling_ends_keeping_open() -> None:
    classroom = await ready()
    teacher = make.viewer(classroom.teacher)
    await keep_session_open(teacher, classroom.session.id, 200, at(-5))
    assert (await classroom.now()).next_transition_at == at(0)
    row = await reschedule_session(teacher, classroom.session.id, at(300), None, at(-4))
    assert (row.kept_open_until, row.meeting_expires_at) == (None, at(420))
    await advance_due(at(365))
    assert (await classroom.now()).status is SessionStatus.COMPLETED


async def test_ending_a_session_by_hand_ends_keeping_open() -> None:
    classroom = await kept(90, at(30))
    admin = make.viewer(await make.user(None, UserRole.SUPER_ADMIN))
    row = await change_session_status(
        admin, classroom.session.id, SessionStatus.COMPLETED, None, at(40)
    )
    assert row.kept_open_until is None
    assert (await stream(row.id))[-2].actor_id == admin.user_id


@pytest.mark.parametrize("minutes", [0, -1, 241])
async def test_keeping_open_for_too_long_is_refused(minutes: int) -> None:
    classroom = await ready()
    with pytest.raises(InvalidInputError) as refused:
        await keep_session_open(
            make.viewer(classroom.teacher), classroom.session.id, minutes, at(0)
        )
    assert refused.value.field == ("minutes",)


async def test_a_session_is_kept_open_at_most_four_hours_after_its_end() -> None:
    classroom = await kept(240, at(50))
    teacher, number = make.viewer(classroom.teacher), classroom.session.id
    await keep_session_open(teacher, number, 100, at(200))
    with pytest.raises(InvalidInputError) as refused:
        await keep_session_open(teacher, number, 101, at(200))
    assert refused.value.field == ("minutes",)
    assert (await classroom.now()).kept_open_until == at(300)
    await advance_due(at(300))
    assert (await classroom.now()).status is SessionStatus.COMPLETED


async def test_only_a_live_session_can_be_kept_open() -> None:
    classroom = await ready()
    teacher, number = make.viewer(classroom.teacher), classroom.session.id
    await cancel_session(teacher, number, None, at(-5))
    for act in (
        keep_session_open(teacher, number, 5, at(-4)),
        release_session(teacher, number, at(-4)),
    ):
        with pytest.raises(WrongStatusError):
            await act
    other = await ready()
    teacher = make.viewer(other.teacher)
    with pytest.raises(WrongStatusError):  # also where no clock has moved it yet
        await keep_session_open(teacher, other.session.id, 30, at(66))
    with pytest.raises(ForbiddenError):
        await keep_session_open(make.viewer(other.student), other.session.id, 30, at(5))
    assert (await Session.get(id=other.session.id)).kept_open_until is None
