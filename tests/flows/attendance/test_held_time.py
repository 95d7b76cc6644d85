"""A class is judged by the time it was held, and only who belongs to it starts it."""

import pytest

from actions.attendance.final_result import finalise_attendance
from actions.clock.sweep import advance_due
from actions.sessions.session_status import change_session_status
from domain.access import UserRole
from domain.attendance.fold import AttendanceStatus
from domain.status import SessionStatus
from models import User
from models.reading.attendance_log import held_ms
from tests.support import make
from tests.support.attendance_rows import state
from tests.support.classrooms import Classroom, at, ready
from tests.support.livekit_events import send

pytestmark = pytest.mark.usefixtures("database")

MINUTE = 60_000
LOOKING_IN = (UserRole.PARENT, UserRole.SUPERVISOR, UserRole.ACADEMY_ADMIN, UserRole.TEACHER)
PRESENT, PARTIAL, ABSENT = (
    AttendanceStatus.PRESENT,
    AttendanceStatus.PARTIAL,
    AttendanceStatus.ABSENT,
)


async def come(classroom: Classroom, user: User, since: float, until: float | None) -> None:
    stay = classroom.stay(since, user)
    await send(classroom.room.joined(stay), at(since))
    if until is not None:
        await send(classroom.room.left(stay, at(until)), at(until))


async def end(classroom: Classroom, minute: float) -> None:
    """Somebody ends the class, and its result becomes final."""
    admin = make.viewer(await make.user(await classroom.session.academy, UserRole.ACADEMY_ADMIN))
    await change_session_status(
        admin, classroom.session.id, SessionStatus.COMPLETED, None, at(minute)
    )
    await finalise_attendance(classroom.session.id, at(minute, 10))


async def statuses(classroom: Classroom) -> list[AttendanceStatus | None]:
    found = [await state(classroom.session.id, one) for one in classroom.students]
    return [one.result.status for one in found]


async def test_who_stayed_till_the_teacher_ended_the_class_early_is_present() -> None:
    classroom = await ready(students=3)
    whole, half, _ = classroom.students
    await come(classroom, classroom.teacher, 0, None)
    await come(classroom, whole, 0, None)
    await come(classroom, half, 0, 20)
    await end(classroom, 45)
    assert await statuses(classroom) == [PRESENT, PARTIAL, ABSENT]
    assert held_ms(await classroom.now()) == 45 * MINUTE


@pytest.mark.parametrize(("minute", "held"), [(15, 15), (14.9, 0)])
async def test_a_class_that_ended_at_once_did_not_take_place(minute: float, held: int) -> None:
    classroom = await ready(students=2)
    await come(classroom, classroom.students[0], 0, None)
    await end(classroom, minute)
    assert await statuses(classroom) == ([PRESENT, ABSENT] if held else [None, None])
    assert held_ms(await classroom.now()) == held * MINUTE


async def test_a_private_student_is_not_absent_from_a_class_that_did_not_take_place() -> None:
    classroom = await ready()
    await come(classroom, classroom.teacher, 0, None)
    await end(classroom, 5)
    assert (await classroom.now()).status is SessionStatus.COMPLETED
    assert await statuses(classroom) == [None]


async def test_a_private_student_who_let_the_teacher_wait_is_absent() -> None:
    classroom = await ready()
    await come(classroom, classroom.teacher, 0, None)
    await end(classroom, 20)
    assert (await classroom.now()).status is SessionStatus.ABSENT
    assert await statuses(classroom) == [ABSENT]


async def test_the_clocks_end_is_the_scheduled_one() -> None:
    classroom = await ready(students=2)
    await come(classroom, classroom.students[0], 0, 48)
    assert held_ms(await classroom.now()) is None
    await advance_due(at(65))
    await finalise_attendance(classroom.session.id, at(66))
    assert await statuses(classroom) == [PRESENT, ABSENT]
    assert held_ms(await classroom.now()) == 60 * MINUTE


async def test_a_cancelled_class_was_not_held() -> None:
    classroom = await ready()
    admin = make.viewer(await make.user(await classroom.session.academy, UserRole.ACADEMY_ADMIN))
    cancelled = SessionStatus.CANCELLED
    await change_session_status(admin, classroom.session.id, cancelled, None, at(-5))
    assert held_ms(await classroom.now()) is None


async def test_who_only_looks_in_starts_nothing() -> None:
    classroom = await ready()
    academy = await classroom.session.academy
    guests = [await make.user(academy, role) for role in LOOKING_IN]
    for minute, guest in enumerate(guests):
        await come(classroom, guest, minute - 9, None)
    assert (await classroom.now()).status is SessionStatus.READY
    await come(classroom, classroom.student, -5, None)
    assert (await classroom.now()).status is SessionStatus.ONGOING


async def test_the_teacher_starts_the_class_early() -> None:
    classroom = await ready()
    await come(classroom, classroom.teacher, -5, None)
    assert (await classroom.now()).status is SessionStatus.ONGOING


async def test_a_class_ended_before_its_start_was_not_held() -> None:
    classroom = await ready(students=2)
    await come(classroom, classroom.students[0], -9, None)
    await end(classroom, -2)
    assert await statuses(classroom) == [None, None]
    assert held_ms(await classroom.now()) == 0


async def test_a_look_before_the_class_does_not_make_somebody_early() -> None:
    classroom = await ready(students=2, present_from_percent=50)
    early, other = classroom.students
    await come(classroom, early, -9, -2)
    await come(classroom, early, 25, 60)
    await come(classroom, other, 0, 60)
    await advance_due(at(65))
    await finalise_attendance(classroom.session.id, at(66))
    assert await statuses(classroom) == [AttendanceStatus.LATE, PRESENT]
