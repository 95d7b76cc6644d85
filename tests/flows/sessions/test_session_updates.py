"""A session's texts and people change: the effects, the rights and the deadlines."""

from dataclasses import replace
from typing import Any

import pytest

from actions.sessions.session_cancel import cancel_session
from actions.sessions.session_input import SessionInput, input_of
from actions.sessions.session_reschedule import reschedule_session
from actions.sessions.session_schedule import schedule_session
from actions.sessions.session_status import change_session_status
from actions.sessions.session_update import update_session
from domain.access import UserRole, Viewer
from domain.errors import (
    ConflictError,
    DomainError,
    ErrorCode,
    ForbiddenError,
    InvalidInputError,
    NotFoundError,
    WrongStatusError,
)
from domain.session import SessionFormat
from domain.status import SessionStatus
from models import Session, SessionParticipant, TeacherMeetingSettings, User
from tests.support import make
from tests.support.classrooms import Classroom, at, ready, scheduled
from tests.support.livekit_events import send
from tests.support.scene import dump
from tests.support.ticking import stream, told

pytestmark = pytest.mark.usefixtures("database")

BEFORE = at(-60)


async def admin_of(classroom: Classroom) -> Viewer:
    academy = await classroom.session.academy
    return make.viewer(await make.user(academy, UserRole.SUPERVISOR))


async def teacher_beside(classroom: Classroom, **values: Any) -> User:
    return await make.teacher(await classroom.session.academy, **values)


async def student_beside(classroom: Classroom) -> User:
    return await make.student(await classroom.session.academy)


async def roster(session: Session) -> dict[int, tuple[UserRole, bool]]:
    rows = await SessionParticipant.filter(session_id=session.id)
    return {row.user_id: (row.role, row.is_expected) for row in rows}


async def test_title_and_notes_change_and_fields_left_out_stay() -> None:
    classroom = await scheduled()
    admin = await admin_of(classroom)
    row = await update_session(
        admin, classroom.session.id, {"title": "Juz Amma", "notes": "Bring it"}, BEFORE
    )
    assert (row.title, row.notes) == ("Juz Amma", "Bring it")
    row = await update_session(admin, row.id, {"notes": ""}, BEFORE)
    assert row.title == "Juz Amma"
    assert row.notes is None
    assert await told(row.id) == ["SCHEDULED", "UPDATED", "UPDATED"]
    assert (await stream(row.id))[1].actor_id == admin.user_id
    assert (
        await update_session(admin, row.id, {"title": "Juz Amma"}, BEFORE)
    ).version == row.version


async def test_a_substitute_manages_it_and_who_taught_it_does_not() -> None:
    classroom = await ready()
    other = await teacher_beside(classroom)
    former, substitute = make.viewer(classroom.teacher), make.viewer(other)
    versions = [user.rights_version for user in (classroom.teacher, other)]
    row = await update_session(
        await admin_of(classroom), classroom.session.id, {"teacher_id": other.id}, at(-5)
    )
    assert row.is_managed_by(substitute)
    assert not row.is_managed_by(former)
    assert await Session.visible_to(former).count() == 0
    assert await roster(row) == {
        other.id: (UserRole.TEACHER, False),
        classroom.student.id: (UserRole.STUDENT, True),
    }
    assert (await told(row.id))[-3:] == ["UPDATED", "PRESENCE_REMOVED", "PRESENCE_CHANGED"]
    now = [(await User.get(id=user.id)).rights_version for user in (classroom.teacher, other)]
    assert now == [version + 1 for version in versions]


async def test_a_substitutes_preferences_shape_the_meeting() -> None:
    classroom = await ready()
    other = await teacher_beside(classroom)
    await TeacherMeetingSettings.create(teacher_id=other.id, max_participants=7)
    row = await update_session(
        await admin_of(classroom), classroom.session.id, {"teacher_id": other.id}, at(-5)
    )
    assert row.options.max_participants == 7


async def test_the_row_of_a_teacher_who_was_there_stays() -> None:
    classroom = await ready()
    await send(classroom.room.joined(classroom.stay(1, classroom.teacher)), at(1))
    other = await teacher_beside(classroom)
    row = await update_session(
        await admin_of(classroom), classroom.session.id, {"teacher_id": other.id}, at(5)
    )
    assert row.status is SessionStatus.ONGOING
    assert {classroom.teacher.id, other.id} < (await roster(row)).keys()
    await update_session(
        await admin_of(classroom), row.id, {"teacher_id": classroom.teacher.id}, at(6)
    )
    assert (await roster(row)).keys() == {classroom.teacher.id, classroom.student.id}


async def test_a_private_session_can_get_another_student() -> None:
    classroom = await ready()
    other = await student_beside(classroom)
    row = await update_session(
        await admin_of(classroom), classroom.session.id, {"student_id": other.id}, at(-5)
    )
    assert (row.student_id, row.format) == (other.id, SessionFormat.INDIVIDUAL)
    assert await roster(row) == {
        classroom.teacher.id: (UserRole.TEACHER, False),
        other.id: (UserRole.STUDENT, True),
    }
    before = classroom.student.rights_version
    assert (await User.get(id=classroom.student.id)).rights_version == before + 1


async def test_an_individual_session_never_becomes_a_groups_nor_the_other_way_round() -> None:
    private, public = await scheduled(), await scheduled(2)
    for classroom in (private, public):
        admin, academy = await admin_of(classroom), await classroom.session.academy
        circle = await make.group(academy, classroom.teacher, classroom.student)
        other = await student_beside(classroom)
        is_private = classroom is private
        values = {"group_id": circle.id} if is_private else {"student_id": other.id}
        before = await dump()
        for both in (values, values | {"title": "Juz Amma"}):
            with pytest.raises(InvalidInputError) as refused:
                await update_session(admin, classroom.session.id, both, BEFORE)
            assert refused.value.field == (("groupId",) if is_private else ("studentId",))
        assert await dump() == before


async def test_a_groups_session_can_get_another_group() -> None:
    classroom = await scheduled(2)
    member = await student_beside(classroom)
    circle = await make.group(await classroom.session.academy, classroom.teacher, member)
    row = await update_session(
        await admin_of(classroom), classroom.session.id, {"group_id": circle.id}, BEFORE
    )
    assert (row.group_id, row.student_id, row.format) == (circle.id, None, SessionFormat.GROUP)
    assert (await roster(row)).keys() == {classroom.teacher.id, member.id}


async def test_a_started_session_keeps_its_students_and_one_that_is_over_its_teacher() -> None:
    classroom = await ready()
    admin = await admin_of(classroom)
    other, substitute = await student_beside(classroom), await teacher_beside(classroom)
    with pytest.raises(WrongStatusError) as refused:  # also where no clock has moved it yet
        await update_session(admin, classroom.session.id, {"student_id": other.id}, at(1))
    assert refused.value.field == ("studentId",)
    await cancel_session(admin, classroom.session.id, None, at(-5))
    with pytest.raises(WrongStatusError) as refused:
        await update_session(admin, classroom.session.id, {"teacher_id": substitute.id}, at(-4))
    assert refused.value.field == ("teacherId",)
    assert (await classroom.now()).teacher_id == classroom.teacher.id


async def test_the_notes_of_a_session_that_is_over_can_be_changed() -> None:
    classroom = await ready()
    admin = await admin_of(classroom)
    await change_session_status(admin, classroom.session.id, SessionStatus.COMPLETED, None, at(50))
    row = await update_session(
        make.viewer(classroom.teacher), classroom.session.id, {"notes": "Ayat 1 to 10"}, at(90)
    )
    assert (row.notes, row.status) == ("Ayat 1 to 10", SessionStatus.COMPLETED)


async def test_a_teacher_changes_title_and_notes_and_nothing_else() -> None:
    classroom = await scheduled()
    teacher = make.viewer(classroom.teacher)
    await update_session(teacher, classroom.session.id, {"title": "Juz Amma", "notes": "x"}, BEFORE)
    substitute = await teacher_beside(classroom)
    refused_values: list[tuple[dict[str, Any], str]] = [
        ({"title": "y", "teacher_id": substitute.id}, "teacherId"),
        ({"title": "y", "subject": "x", "teacher_id": substitute.id}, "subject"),
    ]
    for values, field in refused_values:
        with pytest.raises(ForbiddenError) as refused:
            await update_session(teacher, classroom.session.id, values, BEFORE)
        assert refused.value.field == (field,)
    # What stays as it is may be sent along.
    same = {"teacher_id": classroom.teacher.id, "subject": "", "student_id": classroom.student.id}
    row = await update_session(teacher, classroom.session.id, {"title": "Juz"} | same, BEFORE)
    assert row.title == "Juz"
    await update_session(teacher, classroom.session.id, {"title": "Juz Amma"}, BEFORE)
    with pytest.raises(ForbiddenError):
        await update_session(
            make.viewer(classroom.student), classroom.session.id, {"title": "Mine"}, BEFORE
        )
    with pytest.raises(NotFoundError):
        stranger = make.viewer(await teacher_beside(classroom))
        await update_session(stranger, classroom.session.id, {"title": "Mine"}, BEFORE)
    assert (await classroom.now()).title == "Juz Amma"


@pytest.mark.parametrize(
    ("values", "code", "field"),
    [
        ({"title": " "}, ErrorCode.INVALID_INPUT, "title"),
        ({"title": "x" * 301}, ErrorCode.INVALID_INPUT, "title"),
        ({"notes": "x" * 20_001}, ErrorCode.INVALID_INPUT, "notes"),
        ({"teacher_id": 0}, ErrorCode.NOT_FOUND, "teacherId"),
        ({"student_id": 0}, ErrorCode.NOT_FOUND, "studentId"),
        ({"group_id": 0}, ErrorCode.INVALID_INPUT, "groupId"),
        ({"student_id": None}, ErrorCode.INVALID_INPUT, "studentId"),
        ({"student_id": 1, "group_id": 1}, ErrorCode.INVALID_INPUT, "groupId"),
        ({"subject": "Algebra"}, ErrorCode.INVALID_INPUT, "subject"),
        ({"session_number": 0}, ErrorCode.INVALID_INPUT, "sessionNumber"),
    ],
)
async def test_an_invalid_update_is_refused_by_field_and_writes_nothing(
    values: dict[str, Any], code: ErrorCode, field: str
) -> None:
    classroom = await scheduled()
    admin = await admin_of(classroom)
    before = await dump()
    with pytest.raises(DomainError) as refused:
        await update_session(
            admin, classroom.session.id, values | {"notes": values.get("notes", "x")}, BEFORE
        )
    assert (refused.value.code, refused.value.field) == (code, (field,))
    assert await dump() == before


async def test_people_of_another_academy_or_role_are_not_found() -> None:
    classroom, elsewhere = await scheduled(), await scheduled()
    admin, number = await admin_of(classroom), classroom.session.id
    retired = await teacher_beside(classroom, is_active=False)
    for values in (
        {"teacher_id": elsewhere.teacher.id},
        {"teacher_id": classroom.student.id},
        {"teacher_id": retired.id},
        {"student_id": elsewhere.student.id},
        {"student_id": classroom.teacher.id},
    ):
        with pytest.raises(NotFoundError):
            await update_session(admin, number, values, BEFORE)


async def test_a_teacher_who_left_does_not_keep_the_title_from_changing() -> None:
    classroom = await scheduled()
    await User.filter(id=classroom.teacher.id).update(is_active=False)
    row = await update_session(
        await admin_of(classroom), classroom.session.id, {"title": "Juz Amma"}, BEFORE
    )
    assert row.title == "Juz Amma"


async def keyed() -> tuple[Session, SessionInput, Viewer]:
    academy = await make.academy()
    teacher, student = await make.teacher(academy), await make.student(academy)
    session = await make.session(academy, teacher, student=student, external_id="session-7")
    admin = make.viewer(await make.user(academy, UserRole.ACADEMY_ADMIN))
    return session, input_of(session), admin


async def test_the_same_call_again_is_the_same_session_whatever_changed_meanwhile() -> None:
    session, asked, admin = await keyed()
    await update_session(admin, session.id, {"title": "Juz Amma"}, BEFORE)
    await reschedule_session(admin, session.id, at(600), 30, BEFORE)
    again = await schedule_session(admin, asked, BEFORE)
    assert (again.id, again.title, again.scheduled_at) == (session.id, "Juz Amma", at(600))
    as_it_is = input_of(await Session.get(id=session.id))
    assert (await schedule_session(admin, as_it_is, BEFORE)).id == session.id
    assert await Session.all().count() == 1


async def test_other_values_with_the_key_are_a_conflict_before_and_after() -> None:
    session, asked, admin = await keyed()
    other = replace(asked, title="Another")
    for _ in range(2):
        with pytest.raises(ConflictError):
            await schedule_session(admin, other, BEFORE)
        await update_session(admin, session.id, {"notes": "x"}, BEFORE)
