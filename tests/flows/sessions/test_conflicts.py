"""An academy may have conflicts refused: nobody is needed in two sessions at the same time."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from actions.academies.group_upsert import GroupEntry, MemberInput, upsert_groups
from actions.sessions import conflicts as conflicts_module
from actions.sessions import session_schedule
from actions.sessions.conflicts import find_conflicts
from actions.sessions.session_input import SessionInput
from actions.sessions.session_reschedule import reschedule_session
from actions.sessions.session_schedule import schedule_session, schedule_sessions
from actions.sessions.session_update import update_session
from actions.writing import bulk
from domain.access import UserRole, Viewer
from domain.errors import ConflictError, DomainError, RefusedError
from domain.session import GroupKind, MembershipSource, SessionKind
from domain.status import SessionStatus
from models import Academy, Session, User, VideoSettings
from tests.conftest import Database
from tests.support import make
from tests.support.classrooms import at
from tests.support.scene import dump

pytestmark = pytest.mark.usefixtures("database")

NOW = at(-600)


class School:
    """An academy that refuses conflicts, with a session of its teacher and student at eleven."""

    academy: Academy
    admin: Viewer
    teacher: User
    student: User
    session: Session

    def plan(self, starts: float = 0, **values: Any) -> SessionInput:
        asked = SessionInput(
            academy_id=self.academy.id,
            external_id=None,
            kind=SessionKind.QURAN,
            title="Surat al-Kahf",
            notes=None,
            teacher_id=self.teacher.id,
            student_id=self.student.id,
            group_id=None,
            scheduled_at=at(starts),
            duration_minutes=60,
            subject=None,
            session_number=None,
        )
        return replace(asked, **values)

    async def apart(self, starts: float = 0) -> SessionInput:
        """A plan with a teacher and a student of their own."""
        teacher, student = await make.teacher(self.academy), await make.student(self.academy)
        return self.plan(starts, teacher_id=teacher.id, student_id=student.id)


@pytest.fixture
async def school(database: Database) -> School:
    found = School()
    found.academy = await make.academy(refuse_conflicts=True)
    found.admin = make.viewer(await make.user(found.academy, UserRole.ACADEMY_ADMIN))
    found.teacher = await make.teacher(found.academy)
    found.student = await make.student(found.academy)
    found.session = await schedule_session(found.admin, found.plan(title="The first"), NOW)
    return found


async def conflicts(work: Awaitable[Any]) -> list[tuple[str, ...] | None]:
    """The fields of the conflicts with which the work is refused, and nothing is stored of it."""
    before = await dump()
    with pytest.raises(RefusedError) as refused:
        await work
    assert await dump() == before
    assert {error.code.value for error in refused.value.errors} == {"CONFLICT"}
    return [error.field for error in refused.value.errors]


async def test_what_clashes_is_not_scheduled(school: School) -> None:
    others = await school.apart()
    fields = await conflicts(
        schedule_sessions(
            school.admin,
            [
                school.plan(60),
                school.plan(30, student_id=others.student_id),
                school.plan(-60),
                school.plan(59, teacher_id=others.teacher_id),
                school.plan(-30, duration_minutes=120),
            ],
            NOW,
        )
    )
    assert fields == [
        ("1", "teacherId"),
        ("3", "studentId"),
        ("4", "teacherId"),
        ("4", "studentId"),
    ]
    rows = await schedule_sessions(school.admin, [school.plan(60), school.plan(-60), others], NOW)
    assert len(rows) == 3


async def test_a_single_one_names_the_teacher_and_the_other_session(school: School) -> None:
    free = await make.student(school.academy)
    with pytest.raises(ConflictError) as refused:
        await schedule_session(school.admin, school.plan(30, student_id=free.id), NOW)
    assert refused.value.field == ("teacherId",)
    name = school.teacher.display_name
    assert refused.value.message == (
        f'{name} is needed in "The first" at this time, which starts 2026-03-02 14:00 '
        "(Asia/Riyadh)."
    )


async def test_a_single_one_tells_all_its_conflicts(school: School) -> None:
    assert await conflicts(schedule_session(school.admin, school.plan(30), NOW)) == [
        ("teacherId",),
        ("studentId",),
    ]


async def test_a_teacher_does_not_read_of_a_session_that_they_may_not_see(school: School) -> None:
    other = await make.teacher(school.academy)
    circle = await make.group(school.academy, other, school.student)
    asked = school.plan(30, teacher_id=other.id, student_id=None, group_id=circle.id)
    with pytest.raises(ConflictError) as refused:
        await schedule_session(make.viewer(other), asked, NOW)
    assert refused.value.field == ("groupId",)
    assert refused.value.message == (
        f"{school.student.display_name} is needed in another session at this time."
    )


async def test_two_of_one_call_clash_too_at_the_later_one(school: School) -> None:
    asked = await school.apart()
    plans = [replace(asked, title=f"{n}", scheduled_at=at(30 * n)) for n in range(3)]
    fields = await conflicts(schedule_sessions(school.admin, plans, NOW))
    assert fields == [
        ("1", "teacherId"),
        ("1", "studentId"),
        ("2", "teacherId"),
        ("2", "studentId"),
    ]
    keyed = [replace(one, external_id=key) for one, key in zip(plans, "zya", strict=True)]
    assert await conflicts(schedule_sessions(school.admin, keyed, NOW)) == fields
    await schedule_sessions(school.admin, [plans[2], plans[0]], NOW)


async def test_a_clash_within_a_call_names_the_input_that_was_not_stored(school: School) -> None:
    asked = await school.apart()
    plans = [replace(asked, title=""), asked, replace(asked, scheduled_at=at(30))]
    with pytest.raises(RefusedError) as refused:
        await schedule_sessions(school.admin, plans, NOW)
    teacher = await User.get(id=asked.teacher_id)
    message = f"{teacher.display_name} is needed in input 1 of this call at this time."
    assert [(error.field, error.message) for error in refused.value.errors][1] == (
        ("2", "teacherId"),
        message,
    )


async def test_a_key_again_is_no_conflict_with_itself(school: School) -> None:
    asked = replace(await school.apart(), external_id="again")
    first = await schedule_session(school.admin, asked, NOW)
    assert (await schedule_session(school.admin, asked, NOW)).id == first.id


async def test_what_is_over_or_of_another_academy_is_no_conflict(school: School) -> None:
    for status in (SessionStatus.CANCELLED, SessionStatus.COMPLETED, SessionStatus.ABSENT):
        await Session.filter(id=school.session.id).update(status=status, next_transition_at=None)
        row = await schedule_session(school.admin, school.plan(30), NOW)
        await Session.filter(id=row.id).update(status=status, next_transition_at=None)
    await Session.filter(id=school.session.id).update(status=SessionStatus.SCHEDULED)
    other = await make.academy()
    await Session.filter(id=school.session.id).update(academy_id=other.id)
    assert await schedule_session(school.admin, school.plan(30), NOW)


async def test_a_session_is_not_rescheduled_into_a_conflict(school: School) -> None:
    other = await schedule_session(school.admin, school.plan(60), NOW)
    apart = await schedule_session(school.admin, await school.apart(60), NOW)

    def moved(session: Session, starts: float, minutes: int | None = None) -> Awaitable[Session]:
        return reschedule_session(school.admin, session.id, at(starts), minutes, NOW)

    field = ("scheduledAt",)
    assert await conflicts(moved(other, 59)) == [field, field]
    assert await conflicts(moved(other, -10, 20)) == [field, field]
    assert (await moved(other, -30, 30)).duration_minutes == 30
    assert (await moved(apart, 0)).scheduled_at == at(0)
    assert (await moved(school.session, 200)).scheduled_at == at(200)


async def test_what_clashed_before_a_change_is_not_refused(school: School) -> None:
    settings = VideoSettings.filter(academy_id=school.academy.id)
    await settings.update(refuse_conflicts=False)
    other = await schedule_session(school.admin, school.plan(30), NOW)
    await schedule_session(school.admin, school.plan(130), NOW)
    await settings.update(refuse_conflicts=True)

    def moved(starts: float, minutes: int | None) -> Awaitable[Session]:
        return reschedule_session(school.admin, other.id, at(starts), minutes, NOW)

    for starts, minutes in ((30, None), (30, 60), (30, 45), (40, 40), (20, 60)):
        assert (await moved(starts, minutes)).scheduled_at == at(starts)
    length = ("durationMinutes",)
    assert await conflicts(moved(20, 120)) == [length, length]
    free = await make.student(school.academy)
    row = await update_session(school.admin, other.id, {"student_id": free.id}, NOW)
    assert row.student_id == free.id  # its teacher clashes still
    back = {"student_id": school.student.id}
    assert await conflicts(update_session(school.admin, other.id, back, NOW)) == [("studentId",)]


async def test_a_group_moved_to_when_a_later_member_is_needed_elsewhere(school: School) -> None:
    """The roster is that of the new time."""
    other = await make.teacher(school.academy)
    circle = await make.group(school.academy, other)
    asked = school.plan(-300, teacher_id=other.id, student_id=None, group_id=circle.id)
    row = await schedule_session(school.admin, asked, NOW)
    member = MemberInput(str(school.student.external_id), MembershipSource.ENROLMENT, at(-5), None)
    await upsert_groups(school.admin, [_entry(school, circle.external_id, member)], NOW)
    assert await conflicts(reschedule_session(school.admin, row.id, at(10), None, NOW)) == [
        ("scheduledAt",)
    ]


def _entry(school: School, key: str, *members: MemberInput) -> GroupEntry:
    return GroupEntry(key, school.academy.id, GroupKind.CIRCLE, "Circle", None, True, [*members])


async def test_a_session_gets_no_teacher_or_student_who_is_needed_elsewhere(
    school: School,
) -> None:
    apart = await schedule_session(school.admin, await school.apart(30), NOW)
    free = await make.teacher(school.academy)
    idle = await make.group(school.academy, free)
    circle = await make.group(school.academy, free, school.student)
    asked = school.plan(30, teacher_id=free.id, student_id=None, group_id=idle.id)
    of_group = await schedule_session(school.admin, asked, NOW)

    def changed(**values: Any) -> Awaitable[Session]:
        row = of_group if "group_id" in values else apart
        return update_session(school.admin, row.id, values, NOW)

    assert await conflicts(changed(teacher_id=school.teacher.id)) == [("teacherId",)]
    assert await conflicts(changed(student_id=school.student.id)) == [("studentId",)]
    empty = await make.group(school.academy, free)
    asked = school.plan(30, teacher_id=free.id, student_id=None, group_id=empty.id)
    row = await schedule_session(school.admin, asked, NOW)
    other = update_session(school.admin, row.id, {"group_id": circle.id}, NOW)
    assert await conflicts(other) == [("groupId",)]
    await Session.filter(id=row.id).update(status="CANCELLED")
    both = {"teacher_id": school.teacher.id, "student_id": school.student.id}
    assert await conflicts(changed(**both)) == [("teacherId",), ("studentId",)]
    spare = await make.teacher(school.academy)
    assert (await changed(teacher_id=spare.id)).teacher_id == spare.id
    await VideoSettings.filter(academy_id=school.academy.id).update(refuse_conflicts=False)
    await changed(**both)
    await VideoSettings.filter(academy_id=school.academy.id).update(refuse_conflicts=True)
    assert (await changed(title="It stays as it is")).teacher_id == school.teacher.id


async def test_a_group_may_get_a_member_who_is_needed_elsewhere(school: School) -> None:
    other = await make.teacher(school.academy)
    circle = await make.group(school.academy, other)
    asked = school.plan(30, teacher_id=other.id, student_id=None, group_id=circle.id)
    await schedule_session(school.admin, asked, NOW)
    member = MemberInput(str(school.student.external_id), MembershipSource.ENROLMENT, None, None)
    assert await upsert_groups(school.admin, [_entry(school, circle.external_id, member)], NOW)


async def test_refusals_of_all_kinds_are_told_at_once(school: School) -> None:
    plans = [school.plan(title=""), school.plan(10), school.plan(200, teacher_id=0)]
    with pytest.raises(RefusedError) as refused:
        await schedule_sessions(school.admin, plans, NOW)
    assert [(error.code.value, error.field) for error in refused.value.errors] == [
        ("INVALID_INPUT", ("0", "title")),
        ("CONFLICT", ("1", "teacherId")),
        ("CONFLICT", ("1", "studentId")),
        ("NOT_FOUND", ("2", "teacherId")),
    ]


async def succeeded(works: list[Awaitable[Any]]) -> int:
    """How many of the works at once are carried out; the others are refused for a conflict."""
    answers = await asyncio.gather(*works, return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, BaseException)]
    for one in refused:
        assert isinstance(one, (DomainError, RefusedError)), one
        errors = one.errors if isinstance(one, RefusedError) else [one]
        assert {error.code.value for error in errors} == {"CONFLICT"}
    return len(answers) - len(refused)


async def test_of_many_at_once_one_gets_the_time(
    school: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "TRIES", 1)  # a retry would hide a deadlock

    async def find_and_linger(*args: Any, **kwargs: Any) -> Any:
        """Leave the others time to look, between the look of one and what it stores."""
        found = await find_conflicts(*args, **kwargs)
        await asyncio.sleep(0.05)
        return found

    monkeypatch.setattr(conflicts_module, "find_conflicts", find_and_linger)
    monkeypatch.setattr(session_schedule, "find_conflicts", find_and_linger)
    asked = await school.apart()
    taken = {"teacher_id": asked.teacher_id}
    students = [await make.student(school.academy) for _ in range(8)]
    plans = [replace(asked, student_id=student.id) for student in students]
    assert await succeeded([schedule_session(school.admin, one, NOW) for one in plans]) == 1
    await Session.filter(teacher_id=asked.teacher_id).update(status=SessionStatus.CANCELLED)

    # Four sessions of others that are to get this teacher, and four of theirs to be moved there.
    rows = [await schedule_session(school.admin, await school.apart(), NOW) for _ in range(4)]
    later = [
        await schedule_session(school.admin, replace(asked, scheduled_at=at(100 * n)), NOW)
        for n in range(2, 6)
    ]
    works: list[Callable[[], Awaitable[Any]]] = []
    for row, other in zip(rows, later, strict=True):
        works += [
            lambda row=row: update_session(school.admin, row.id, taken, NOW),  # type: ignore[misc]
            lambda other=other: reschedule_session(school.admin, other.id, at(5), None, NOW),  # type: ignore[misc]
        ]
    assert await succeeded([work() for work in works]) == 1
