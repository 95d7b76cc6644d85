"""Nobody is absent from a class that they could not join because the academy was inactive."""

import pytest

from actions.academies import academy_update
from actions.attendance.final_result import finalise_attendance
from actions.clock.sweep import advance_due
from actions.sessions.session_reschedule import reschedule_session
from domain.access import UserRole, Viewer
from domain.attendance.fold import AttendanceStatus
from domain.status import SessionStatus
from models import Session
from tests.support import make
from tests.support.attendance_rows import state
from tests.support.classrooms import Classroom, at, ready, scheduled
from tests.support.livekit_events import send

pytestmark = pytest.mark.usefixtures("database")


async def admin_of(classroom: Classroom) -> Viewer:
    return make.viewer(await make.user(await classroom.session.academy, UserRole.ACADEMY_ADMIN))


async def switch(classroom: Classroom, minutes: float, *, is_active: bool) -> None:
    values = {"is_active": is_active}
    academy_id = classroom.session.academy_id
    await academy_update.update_academy(await admin_of(classroom), academy_id, values, at(minutes))


async def over(classroom: Classroom) -> tuple[SessionStatus, AttendanceStatus | None]:
    """The final status of the session and of its student; LiveKit says that the room was there."""
    await send(classroom.room.started(), at(2))
    await advance_due(at(66))
    await finalise_attendance(classroom.session.id, at(67))
    status = (await state(classroom.session.id, classroom.student)).result.status
    return (await classroom.now()).status, status


async def test_nobody_is_absent_where_the_academy_stopped_before_the_session_started() -> None:
    classroom = await ready()
    await switch(classroom, -8, is_active=False)
    assert (await classroom.now()).closed_from == at(-8)
    assert await over(classroom) == (SessionStatus.COMPLETED, None)


async def test_nobody_is_absent_where_the_academy_stopped_before_the_session_was_ready() -> None:
    classroom = await scheduled()
    await advance_due(at(-15))  # this makes its link
    await switch(classroom, -12, is_active=False)
    await advance_due(at(-10))
    assert await over(classroom) == (SessionStatus.COMPLETED, None)


@pytest.mark.parametrize("minutes", [-5, 55])
async def test_a_student_who_could_come_after_the_academy_is_active_again_is_absent(
    minutes: float,
) -> None:
    classroom = await ready()
    await switch(classroom, -8, is_active=False)
    await advance_due(at(0))
    await switch(classroom, minutes, is_active=True)
    assert (await classroom.now()).closed_from is None
    assert await over(classroom) == (SessionStatus.ABSENT, AttendanceStatus.ABSENT)


async def test_nobody_is_absent_where_the_academy_is_active_again_only_after_the_end() -> None:
    classroom = await ready()
    await switch(classroom, -8, is_active=False)
    await advance_due(at(0))
    await switch(classroom, 62, is_active=True)
    assert await over(classroom) == (SessionStatus.COMPLETED, None)


async def test_a_student_is_absent_where_the_academy_stopped_during_the_session() -> None:
    classroom = await ready()
    await advance_due(at(0))
    await switch(classroom, 1, is_active=False)
    assert (await classroom.now()).closed_from is None
    assert await over(classroom) == (SessionStatus.ABSENT, AttendanceStatus.ABSENT)


async def test_the_stamp_is_of_its_own_academy_and_stays_as_it_is() -> None:
    classroom, other = await ready(), await ready()
    await switch(classroom, -8, is_active=False)
    await switch(classroom, -7, is_active=False)
    assert (await classroom.now()).closed_from == at(-8)
    assert (await other.now()).closed_from is None
    admin, number = await admin_of(classroom), classroom.session.id
    assert (await reschedule_session(admin, number, at(300), None, at(-5))).closed_from == at(-8)
    await Session.filter(id=number).update(status=SessionStatus.SCHEDULED)
    await switch(classroom, -4, is_active=True)
    assert (await reschedule_session(admin, number, at(301), None, at(-3))).closed_from is None
