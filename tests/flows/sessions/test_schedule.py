"""Scheduling one or many sessions: all or none, and one session for one key."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from actions.academies.group_upsert import GroupEntry, MemberInput, upsert_groups
from actions.academies.video_settings import update_video_settings
from actions.sessions.session_input import SessionInput
from actions.sessions.session_schedule import schedule_session, schedule_sessions
from domain.access import UserRole, Viewer
from domain.errors import (
    ConflictError,
    ForbiddenError,
    InvalidInputError,
    NotFoundError,
    RefusedError,
)
from domain.session import GroupKind, MembershipSource, SessionKind
from domain.status import SessionStatus
from models import Academy, Session, SessionEvent, SessionParticipant, User
from tests.support import make
from tests.support.ticking import told

pytestmark = pytest.mark.usefixtures("database")

ELEVEN = make.ELEVEN
YESTERDAY = ELEVEN - timedelta(days=1)


def at(minutes: float) -> datetime:
    return ELEVEN + timedelta(minutes=minutes)


class School:
    """An academy with an admin, a teacher and a student."""

    academy: Academy
    teacher: User
    student: User
    admin: Viewer

    def plan(self, **values: Any) -> SessionInput:
        plan = SessionInput(
            academy_id=self.academy.id,
            external_id=None,
            kind=SessionKind.QURAN,
            title="Surat al-Kahf",
            notes=None,
            teacher_id=self.teacher.id,
            student_id=self.student.id,
            group_id=None,
            scheduled_at=ELEVEN,
            duration_minutes=60,
            subject=None,
            session_number=None,
        )
        return replace(plan, **values)


@pytest.fixture
async def school(database: object) -> School:
    found = School()
    found.academy = await make.academy()
    found.teacher = await make.teacher(found.academy)
    found.student = await make.student(found.academy)
    found.admin = make.viewer(await make.user(found.academy, UserRole.ACADEMY_ADMIN))
    return found


async def test_a_session_is_scheduled_with_its_timers_and_its_roster(school: School) -> None:
    answer = await schedule_session(school.admin, school.plan(), YESTERDAY)
    row = await Session.get(id=answer.id)
    assert (row.status, row.version) == (SessionStatus.SCHEDULED, 1)
    assert (row.next_transition_at, row.ends_at, row.completes_at) == (at(-10), at(60), at(65))
    assert row.meeting_id is None
    roster = await SessionParticipant.filter(session_id=row.id).order_by("id")
    assert [(r.user_id, r.is_expected) for r in roster] == [
        (school.teacher.id, False),
        (school.student.id, True),
    ]
    event = await SessionEvent.get(session_id=row.id)
    assert (event.kind, event.actor_id) == ("SCHEDULED", school.admin.user_id)


async def test_a_session_scheduled_within_the_preparation_is_ready_with_its_link(
    school: School,
) -> None:
    answer = await schedule_session(school.admin, school.plan(), at(-10))
    assert (answer.status, answer.version) == (SessionStatus.READY, 3)
    assert str(answer.meeting_link).endswith(f"/join/{answer.room_name}")
    assert await told(answer.id) == ["SCHEDULED", "READY", "MEETING_CREATED"]
    assert (await Session.get(id=answer.id)).next_transition_at == at(0)


async def test_a_session_scheduled_after_its_start_is_ongoing(school: School) -> None:
    answer = await schedule_session(school.admin, school.plan(), at(59.9))
    assert answer.status is SessionStatus.ONGOING
    assert await told(answer.id) == ["SCHEDULED", "READY", "MEETING_CREATED", "ONGOING"]


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("scheduledAt", {"scheduled_at": at(-60 * 24) - timedelta(hours=1)}),
        ("scheduledAt", {"scheduled_at": datetime(9999, 12, 31, 23, 59, tzinfo=UTC)}),
        ("scheduledAt", {"scheduled_at": datetime(1, 1, 1, tzinfo=UTC)}),
        ("durationMinutes", {"duration_minutes": 0}),
        ("durationMinutes", {"duration_minutes": 121}),
        ("title", {"title": "  "}),
        ("title", {"title": "x" * 301}),
        ("externalId", {"external_id": ""}),
        ("subject", {"subject": "Maths"}),
        ("sessionNumber", {"session_number": 3}),
        ("studentId", {"student_id": None}),
        ("studentId", {"group_id": 1}),
    ],
)
async def test_a_session_with_an_invalid_value_is_refused_by_field(
    school: School, field: str, values: dict[str, Any]
) -> None:
    with pytest.raises(InvalidInputError) as refused:
        await schedule_session(school.admin, school.plan(**values), YESTERDAY)
    assert refused.value.field == (field,)
    assert not await Session.exists()


@pytest.mark.parametrize(("field", "name"), [("teacherId", "teacher"), ("studentId", "student")])
async def test_people_of_another_academy_are_not_found(
    school: School, field: str, name: str
) -> None:
    stranger = await make.user(await make.academy(), UserRole[name.upper()])
    with pytest.raises(NotFoundError) as refused:
        await schedule_session(school.admin, school.plan(**{f"{name}_id": stranger.id}), YESTERDAY)
    assert refused.value.field == (field,)


async def test_a_student_does_not_schedule_and_a_stranger_finds_no_academy(school: School) -> None:
    with pytest.raises(ForbiddenError) as refused:
        await schedule_session(make.viewer(school.student), school.plan(), YESTERDAY)
    assert refused.value.field == ("academyId",)
    other = await make.user(await make.academy(), UserRole.ACADEMY_ADMIN)
    with pytest.raises(NotFoundError):
        await schedule_session(make.viewer(other), school.plan(), YESTERDAY)
    assert not await Session.exists()


async def test_the_same_key_again_answers_with_the_same_session(school: School) -> None:
    plan = school.plan(external_id="session-1")
    first = await schedule_session(school.admin, plan, YESTERDAY)
    again = await schedule_session(school.admin, plan, YESTERDAY)
    long_after = await schedule_session(school.admin, plan, at(60 * 24))
    assert first.id == again.id == long_after.id
    assert await told(first.id) == ["SCHEDULED"]


async def test_the_same_key_with_other_values_is_a_conflict(school: School) -> None:
    await schedule_session(school.admin, school.plan(external_id="session-1"), YESTERDAY)
    other = school.plan(external_id="session-1", title="Another")
    with pytest.raises(ConflictError) as refused:
        await schedule_session(school.admin, other, YESTERDAY)
    assert refused.value.field == ("externalId",)


async def test_the_same_key_in_two_academies_is_two_sessions(school: School) -> None:
    first = await schedule_session(school.admin, school.plan(external_id="1"), YESTERDAY)
    academy = await make.academy()
    teacher, student = await make.teacher(academy), await make.student(academy)
    other = await make.session(academy, teacher, student=student, external_id="1")
    assert first.id != other.id


async def test_the_same_key_many_times_at_once_is_one_session(school: School) -> None:
    plan = school.plan(external_id="session-1")
    answers = await asyncio.gather(
        *(schedule_session(school.admin, plan, YESTERDAY) for _ in range(12))
    )
    assert len({answer.id for answer in answers}) == 1
    assert await told(answers[0].id) == ["SCHEDULED"]
    assert await SessionParticipant.all().count() == 2


async def test_a_key_with_different_values_at_once_is_one_session_and_conflicts(
    school: School,
) -> None:
    plans = [school.plan(external_id="session-1", title=f"Title {n}") for n in range(6)]
    answers = await asyncio.gather(
        *(schedule_session(school.admin, plan, YESTERDAY) for plan in plans), return_exceptions=True
    )
    assert sum(isinstance(answer, ConflictError) for answer in answers) == 5
    assert await Session.all().count() == 1


async def test_overlapping_bulks_at_once_make_each_session_once(school: School) -> None:
    keys = ["a", "b", "c", "d"]
    bulks = [[school.plan(external_id=k) for k in keys[n:] + keys[:n]] for n in range(4)]
    answers = await asyncio.gather(
        *(schedule_sessions(school.admin, bulk, YESTERDAY) for bulk in bulks)
    )
    assert await Session.all().count() == 4
    for bulk, rows in zip(bulks, answers, strict=True):
        assert [row.external_id for row in rows] == [plan.external_id for plan in bulk]


async def test_a_bulk_is_all_or_nothing_and_tells_every_refusal_by_its_path(
    school: School,
) -> None:
    await schedule_session(school.admin, school.plan(external_id="taken"), YESTERDAY)
    plans = [
        school.plan(external_id="new"),
        school.plan(title=""),
        school.plan(external_id="taken", title="Another"),
        school.plan(teacher_id=0),
    ]
    with pytest.raises(RefusedError) as refused:
        await schedule_sessions(school.admin, plans, YESTERDAY)
    assert [(e.code, e.field) for e in refused.value.errors] == [
        ("INVALID_INPUT", ("1", "title")),
        ("CONFLICT", ("2", "externalId")),
        ("NOT_FOUND", ("3", "teacherId")),
    ]
    assert [row.external_id for row in await Session.all()] == ["taken"]


@pytest.mark.parametrize("number", [0, 501])
async def test_a_bulk_has_one_to_five_hundred(school: School, number: int) -> None:
    with pytest.raises(RefusedError):
        await schedule_sessions(school.admin, [school.plan()] * number, YESTERDAY)


async def test_a_bulk_keeps_its_order_and_knows_what_was_there(school: School) -> None:
    known = await schedule_session(school.admin, school.plan(external_id="b"), YESTERDAY)
    plans = [school.plan(external_id=key) for key in ("a", "b", None, "c", None)]
    rows = await schedule_sessions(school.admin, plans, YESTERDAY)
    assert [row.external_id for row in rows] == ["a", "b", None, "c", None]
    assert rows[1].id == known.id
    assert rows[2].id != rows[4].id


@pytest.mark.parametrize("title", ["Surat al-Kahf", "Another"])
async def test_the_same_key_twice_in_a_bulk_is_refused_at_the_second(
    school: School, title: str
) -> None:
    """Equal values are refused too: two entries are two sessions, and these could not be."""
    keys = [("a", "Surat al-Kahf"), ("z", "Surat al-Kahf"), ("b", ""), ("z", title), ("a", title)]
    plans = [school.plan(external_id=key, title=title) for key, title in keys]
    with pytest.raises(RefusedError) as refused:
        await schedule_sessions(school.admin, plans, YESTERDAY)
    assert [(e.code, e.field) for e in refused.value.errors] == [
        ("INVALID_INPUT", ("2", "title")),
        ("INVALID_INPUT", ("3", "externalId")),
        ("INVALID_INPUT", ("4", "externalId")),
    ]
    assert not await Session.exists()


async def test_the_same_key_for_two_academies_in_one_bulk_is_two_sessions(school: School) -> None:
    academy = await make.academy()
    teacher, student = await make.teacher(academy), await make.student(academy)
    elsewhere = school.plan(
        academy_id=academy.id, teacher_id=teacher.id, student_id=student.id, external_id="a"
    )
    viewer = make.viewer(await make.user(None, UserRole.SUPER_ADMIN))
    rows = await schedule_sessions(viewer, [school.plan(external_id="a"), elsewhere], YESTERDAY)
    assert len({row.id for row in rows}) == 2


async def test_the_roster_of_a_group_is_who_is_a_member_at_the_start(school: School) -> None:
    early, late, now = [await make.student(school.academy) for _ in range(3)]
    group = await make.group(school.academy, school.teacher, now)
    plan = _group_plan(school, group.external_id, {early: (None, at(0)), late: (at(0), None)})
    await upsert_groups(school.admin, [plan], YESTERDAY)
    row = await make.session(school.academy, school.teacher, group=group)
    assert await _expected(row) == {late.id}


def _group_plan(
    school: School,
    external_id: str,
    members: dict[User, tuple[datetime | None, datetime | None]],
) -> GroupEntry:
    return GroupEntry(
        external_id=external_id,
        academy_id=school.academy.id,
        kind=GroupKind.CIRCLE,
        name="Circle",
        teacher_external_id=None,
        keeps_teacher=True,
        members=[
            MemberInput(str(user.external_id), MembershipSource.ENROLMENT, *span)
            for user, span in members.items()
        ],
    )


async def _expected(session: Session) -> set[int]:
    rows = SessionParticipant.filter(session_id=session.id, is_expected=True)
    return {row.user_id for row in await rows}


async def test_a_session_scheduled_while_the_settings_change_follows_the_new_ones(
    school: School,
) -> None:
    """This holds whichever of the two is stored first."""

    async def change() -> None:
        values: dict[str, int | None] = {"ready_minutes_before": 30}
        await update_video_settings(school.admin, school.academy.id, values, YESTERDAY)

    plans = [school.plan(external_id=f"{n}") for n in range(20)]
    works = [schedule_session(school.admin, plan, YESTERDAY) for plan in plans]
    await asyncio.gather(*works[:10], change(), *works[10:])
    assert {row.ready_at for row in await Session.all()} == {at(-30)}


async def test_a_session_scheduled_while_its_group_changes_has_the_new_members(
    school: School,
) -> None:
    other = await make.student(school.academy)
    group = await make.group(school.academy, school.teacher, school.student)
    plan = school.plan(student_id=None, group_id=group.id)
    works = [schedule_session(school.admin, plan, YESTERDAY) for _ in range(10)]
    change = _group_plan(school, group.external_id, {other: (None, None)})
    await asyncio.gather(*works[:5], upsert_groups(school.admin, [change], YESTERDAY), *works[5:])
    for row in await Session.all():
        assert await _expected(row) == {other.id}
