"""A person who joins with an old token after the session is over did not attend it."""

import pytest

from actions.attendance.final_result import finalise_attendance
from actions.clock.sweep import advance_due
from domain.attendance.fold import AttendanceStatus, Presence
from domain.session import WorkKind
from domain.status import SessionStatus
from models import DueWork, MeetingAttendanceEvent, SessionParticipant
from tests.support import make
from tests.support.attendance_rows import state
from tests.support.classrooms import Classroom, at, ready
from tests.support.livekit_events import send

pytestmark = pytest.mark.usefixtures("database")


async def over(students: int = 1) -> Classroom:
    classroom = await ready(students)
    await send(classroom.room.started(), at(-9))
    await advance_due(at(65, 1))
    await finalise_attendance(classroom.session.id, at(65, 20))
    return classroom


@pytest.mark.parametrize("students", [1, 2])
async def test_who_comes_after_the_end_was_absent(students: int) -> None:
    classroom = await over(students)
    status = (await classroom.now()).status
    stay = classroom.stay(90)
    await send(classroom.room.joined(stay), at(90, 1))
    await send(classroom.room.left(stay, at(95)), at(95, 1))
    found = await state(classroom.session.id, classroom.student)
    assert (found.result.presence, found.result.cycles) == (Presence.NOT_JOINED, ())
    assert found.result.status is AttendanceStatus.ABSENT
    assert (await classroom.now()).status is status
    kept = await MeetingAttendanceEvent.filter(user=classroom.student).count()
    assert kept == 2
    assert await DueWork.filter(kind=WorkKind.DELETE_ROOM).exists()


async def test_a_private_session_stays_absent() -> None:
    classroom = await over()
    assert (await classroom.now()).status is SessionStatus.ABSENT


async def test_a_visitor_who_comes_after_the_end_gets_no_row() -> None:
    classroom = await over()
    parent = await make.parent(await classroom.session.academy, classroom.student)
    stay = classroom.stay(90, parent)
    await send(classroom.room.joined(stay), at(90, 1))
    await send(classroom.room.left(stay, at(95)), at(95, 1))
    assert not await SessionParticipant.filter(user=parent).exists()


async def test_what_is_told_late_of_a_stay_before_the_end_counts() -> None:
    classroom = await over()
    parent = await make.parent(await classroom.session.academy, classroom.student)
    for user in (classroom.student, parent):
        stay = classroom.stay(30, user)
        await send(classroom.room.left(stay, at(64)), at(90, 1))
        assert (await state(classroom.session.id, user)).result.join_count == 1
    assert (await classroom.now()).status is SessionStatus.COMPLETED
