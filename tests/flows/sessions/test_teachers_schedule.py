"""A teacher schedules sessions of their own, where the academy lets them."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from actions.admittance.participants import add_participant
from actions.sessions.session_input import SessionInput
from actions.sessions.session_schedule import schedule_session, schedule_sessions
from domain.errors import ConflictError, DomainError, RefusedError
from domain.session import SessionKind
from models import Session, User, VideoSettings
from tests.support import make
from tests.support.asking import Asker, code
from tests.support.scene import Scene, dump

pytestmark = pytest.mark.usefixtures("database")


def plan(there: Scene, **values: Any) -> SessionInput:
    """A session of the teacher's own circle."""
    asked = SessionInput(
        academy_id=there["academy"].id,
        external_id=None,
        kind=SessionKind.QURAN,
        title="Surat al-Kahf",
        notes=None,
        teacher_id=there["teacher"].id,
        student_id=None,
        group_id=there["circle"].id,
        scheduled_at=there.now + timedelta(days=1),
        duration_minutes=60,
        subject=None,
        session_number=None,
    )
    return replace(asked, **values)


def private(there: Scene, who: str, **values: Any) -> SessionInput:
    return plan(there, group_id=None, student_id=there[who].id, **values)


async def refusal(there: Scene, asked: SessionInput) -> tuple[str, tuple[str, ...] | None]:
    """The refusal of the teacher's bulk, in which another session is in order."""
    before = await dump()
    with pytest.raises(RefusedError) as refused:
        await schedule_sessions(make.viewer(there["teacher"]), [plan(there), asked], there.now)
    assert await dump() == before
    with pytest.raises(DomainError) as single:
        await schedule_session(make.viewer(there["teacher"]), asked, there.now)
    (error,) = refused.value.errors
    assert error.field is not None
    assert (single.value.code, single.value.field) == (error.code, error.field[1:])
    assert error.field[0] == "1"
    return error.code.value, error.field[1:]


async def test_for_their_own_groups_and_the_students_whom_they_see(there: Scene) -> None:
    viewer = make.viewer(there["teacher"])
    rows = await schedule_sessions(viewer, [plan(there), private(there, "student")], there.now)
    assert [row.teacher_id for row in rows] == [viewer.user_id, viewer.user_id]
    assert (await schedule_session(viewer, plan(there), there.now)).group_id == there["circle"].id


async def test_not_for_a_student_who_was_only_added_to_a_session_of_theirs(there: Scene) -> None:
    admin = make.viewer(there["admin"])
    await add_participant(admin, there["mine"].id, there["stranger"].id, there.now)
    assert await refusal(there, private(there, "stranger")) == ("NOT_FOUND", ("studentId",))


async def test_not_for_others(there: Scene) -> None:
    colleague, foreign = there["colleague"].id, there["foreign_teacher"].id
    for asked, field in (
        (plan(there, teacher_id=colleague), "teacherId"),
        (plan(there, teacher_id=foreign), "teacherId"),
        (plan(there, teacher_id=there["student"].id), "teacherId"),
        (plan(there, group_id=there["others_circle"].id), "groupId"),
        (plan(there, group_id=there["foreign_circle"].id), "groupId"),
        (private(there, "stranger"), "studentId"),
        (private(there, "foreign_student"), "studentId"),
        (private(there, "parent"), "studentId"),
        (private(there, "colleague"), "studentId"),
        (private(there, "teacher"), "studentId"),
        (plan(there, academy_id=there["foreign_academy"].id), "academyId"),
    ):
        expected = "FORBIDDEN" if asked.teacher_id == there["student"].id else "NOT_FOUND"
        assert await refusal(there, asked) == (expected, (field,))


async def test_a_group_that_they_teach_now_and_then_is_not_theirs(there: Scene) -> None:
    """They see the group of a session that they teach in another's place."""
    await Session.filter(id=there["others"].id).update(teacher_id=there["teacher"].id)
    asked = plan(there, group_id=there["others_circle"].id)
    assert await refusal(there, asked) == ("NOT_FOUND", ("groupId",))


async def test_a_student_who_is_not_active_is_not_found(there: Scene) -> None:
    await User.filter(id=there["student"].id).update(is_active=False)
    assert await refusal(there, private(there, "student")) == ("NOT_FOUND", ("studentId",))


async def test_not_where_the_academy_does_not_let_them(there: Scene) -> None:
    settings = VideoSettings.filter(academy_id=there["academy"].id)
    await settings.update(teachers_schedule_sessions=False)
    with pytest.raises(DomainError) as refused:
        await schedule_session(make.viewer(there["teacher"]), plan(there), there.now)
    assert (refused.value.code, refused.value.field) == ("FORBIDDEN", ("academyId",))
    admin = make.viewer(there["admin"])
    assert (await schedule_session(admin, plan(there), there.now)).id


async def test_a_key_again_is_their_session_again_and_never_anothers(there: Scene) -> None:
    viewer, asked = make.viewer(there["teacher"]), plan(there, external_id="T1")
    first = await schedule_session(viewer, asked, there.now)
    assert (await schedule_session(viewer, asked, there.now)).id == first.id
    await Session.filter(id=first.id).update(teacher_id=there["colleague"].id)
    with pytest.raises(ConflictError) as refused:
        await schedule_session(viewer, asked, there.now)
    assert refused.value.field == ("externalId",)
    admin = make.viewer(there["admin"])
    assert (await schedule_session(admin, asked, there.now)).id == first.id


UPDATE = """
mutation ($id: ID!, $input: UpdateSessionInput!) {
  updateSession(sessionId: $id, input: $input) { errors { code } }
}
"""


async def test_they_change_title_and_notes_of_a_session_and_not_its_people(
    asker: Asker, there: Scene
) -> None:
    for values, expected in (
        ({"title": "Juz Amma", "notes": "Bring the book."}, None),
        ({"teacherId": there.id("colleague")}, "FORBIDDEN"),
        ({"studentId": there.id("student")}, "FORBIDDEN"),
        ({"groupId": there.id("others_circle")}, "FORBIDDEN"),
        ({"groupId": there.id("circle")}, None),  # as it is
        ({"title": "Juz Amma", "subject": "Maths"}, "FORBIDDEN"),
    ):
        answer = await asker.ask(UPDATE, there["teacher"], id=there.id("mine"), input=values)
        assert code(answer) == expected, values
