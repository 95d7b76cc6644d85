"""Texts are measured as they are stored: none is too long only once it reaches the database."""

from typing import Any

import pytest

from actions.academies.academy_update import update_academy
from actions.academies.group_upsert import GroupEntry, upsert_groups
from actions.academies.super_admin_create import create_super_admin
from actions.academies.teacher_settings import update_teacher_meeting_settings as update_preferences
from actions.attendance.overrides import Wish, override_attendance
from domain.access import UserRole
from domain.attendance.fold import AttendanceStatus
from domain.session import GroupKind
from models import Academy, TeacherMeetingSettings, User
from schema.types.ids import Kind, encode
from tests.conftest import Database
from tests.support import make
from tests.support.asking import Answer, Asker, payload
from tests.support.classrooms import at, ready
from tests.support.scene import dump
from tests.support.upserts import person, refusals, upsert_users

ROOM = " " * 1000
SCHEDULE = """
mutation ($input: ScheduleSessionInput!) {
  scheduleSession(input: $input) {
    session { id title notes ... on AcademicSession { subject } } errors { code field }
  }
}
"""
UPDATE = """
mutation ($id: ID!, $input: UpdateSessionInput!) {
  updateSession(sessionId: $id, input: $input) {
    session { title notes ... on AcademicSession { subject } } errors { code field }
  }
}
"""


@pytest.fixture
async def academy(database: Database) -> Academy:
    return await make.academy("itqan")


@pytest.fixture
async def admin(academy: Academy) -> User:
    return await make.user(academy, UserRole.ACADEMY_ADMIN)


async def schedule(asker: Asker, admin: User, **words: Any) -> Answer:
    academy = await Academy.get(id=admin.academy_id)
    asked = {
        "academyId": encode(Kind.ACADEMY, academy.id),
        "kind": "ACADEMIC",
        "title": "Algebra",
        "teacherId": encode(Kind.USER, (await make.teacher(academy)).id),
        "studentId": encode(Kind.USER, (await make.student(academy)).id),
        "scheduledAt": "2026-03-03T11:00:00Z",
    }
    return await asker.ask(SCHEDULE, admin, input=asked | words)


async def test_a_sessions_words_are_stored_without_the_space_around_them(
    asker: Asker, admin: User
) -> None:
    words = {"title": f"  x{ROOM}", "subject": f"y{ROOM}", "notes": f"z{ROOM}"}
    made = payload(await schedule(asker, admin, **words))["session"]
    assert (made["title"], made["subject"], made["notes"]) == ("x", "y", "z")
    words = {"title": f"a{ROOM}", "subject": "b" + " " * 400, "notes": ROOM}
    changed = payload(await asker.ask(UPDATE, admin, id=made["id"], input=words))["session"]
    assert changed == {"title": "a", "subject": "b", "notes": None}
    cleared = await asker.ask(UPDATE, admin, id=made["id"], input={"subject": ROOM})
    assert payload(cleared)["session"] == {"title": "a", "subject": None, "notes": None}
    empty = payload(await schedule(asker, admin, subject="", notes=""))["session"]
    assert (empty["subject"], empty["notes"]) == (None, None)


@pytest.mark.parametrize("words", [{"title": "x" * 301}, {"subject": "x" * 301}, {"title": " "}])
async def test_text_that_is_empty_or_too_long_is_refused_by_field(
    asker: Asker, admin: User, words: dict[str, str]
) -> None:
    made = payload(await schedule(asker, admin))["session"]
    asked = {"id": made["id"], "input": words}
    for answer in (
        await schedule(asker, admin, **words),
        await asker.ask(UPDATE, admin, **asked),
    ):
        assert refusals(answer) == [("INVALID_INPUT", list(words))]


async def test_the_same_key_with_more_space_is_the_same_session(
    asker: Asker, academy: Academy, admin: User
) -> None:
    asked = {
        "externalId": "k1",
        "teacherId": encode(Kind.USER, (await make.teacher(academy)).id),
        "studentId": encode(Kind.USER, (await make.student(academy)).id),
    }
    first = payload(await schedule(asker, admin, **asked, subject="Algebra"))
    assert payload(await schedule(asker, admin, **asked, subject=" Algebra ")) == first


async def test_an_email_is_measured_as_it_is_stored(asker: Asker, admin: User) -> None:
    before = await dump()
    wrong = ["İ" * 240 + "@b.cde", "a@b.c\u202e", "a\u0007@b.cd", "a b@c.de", "x" * 250 + "@b.cd"]
    people = [person(f"s{n}", email=email) for n, email in enumerate(wrong)]
    told = refusals(await upsert_users(asker, admin, *people))
    assert told == [("INVALID_INPUT", ["users", str(n), "email"]) for n in range(len(wrong))]
    assert await dump() == before
    good = person("s9", email=f" {'x' * 248}@B.CD{ROOM}")
    (made,) = payload(await upsert_users(asker, admin, good))["users"]
    assert made["email"] == "x" * 248 + "@b.cd"


async def test_a_super_admin_may_have_the_longest_email(database: Database) -> None:
    email = "x" * 248 + "@b.cd"
    assert (await create_super_admin(f" {email}", "long enough", make.ELEVEN)).email == email


async def test_names_themes_and_notes_are_measured_as_they_are_stored(
    academy: Academy, admin: User
) -> None:
    viewer = make.viewer(admin)
    plan = GroupEntry("g1", academy.id, GroupKind.CIRCLE, f" Fajr{ROOM}", None, True, [])
    (circle,) = await upsert_groups(viewer, [plan], make.ELEVEN)
    assert circle.name == "Fajr"
    renamed = await update_academy(viewer, academy.id, {"name": f"Itqan{ROOM}"}, make.ELEVEN)
    assert renamed.name == "Itqan"
    teacher = await make.teacher(academy)
    await update_preferences(viewer, teacher.id, {"theme": f"dark{ROOM}"}, make.ELEVEN)
    assert (await TeacherMeetingSettings.get(teacher_id=teacher.id)).theme == "dark"
    classroom = await ready()
    wish = Wish(AttendanceStatus.PRESENT, f"Was there{ROOM * 3}")
    state = await override_attendance(
        make.viewer(classroom.teacher), classroom.session.id, classroom.student.id, wish, at()
    )
    assert state.result.override
    assert state.result.override.note == "Was there"
