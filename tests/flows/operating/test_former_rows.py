"""Rows of an earlier release: what each migration makes of those that are there."""

from datetime import UTC, datetime
from typing import Any

from actions.writing.search_words import write_words
from domain.membership import Occasion
from models import Group, Membership, SearchWord, Session, SessionEvent, User
from models.database import sql
from models.database.connection import close_database, open_database
from models.database.migration_runner import apply
from models.reading.search import groups_found, sessions_found, users_found
from tests.conftest import Template
from tests.flows.operating.test_migrations import MADE_AT


async def test_events_of_an_earlier_release_get_marks_of_their_own(template: Template) -> None:
    url = await template.blank()
    await apply(url, until="0004_sure_attendance")
    await open_database(url)
    try:
        await insert("academies", "created_at", **ACADEMY)
        await insert("users", "created_at", **TEACHER)
        for notes in ("", "Bring it"):
            await insert("sessions", *SESSION_MOMENTS, **SESSION, notes=notes)
        for sequence in (1, 2, 3):
            for session_id in (1, 2):
                event = {"session_id": session_id, "sequence": sequence}
                await insert("session_events", "occurred_at", **event, kind="UPDATED", payload="{}")
        await apply(url)
        sessions = await Session.all().order_by("id")
        events = await SessionEvent.all()
    finally:
        await close_database()
    marks = {(event.session_id, event.sequence): event.mark for event in events}
    assert len(set(marks.values())) == 6
    assert all(0 < mark < 2**48 for mark in marks.values())
    assert [session.version_mark for session in sessions] == [marks[1, 3], marks[2, 3]]
    assert [session.notes for session in sessions] == [None, "Bring it"]


ACADEMY = {"slug": "noor", "name": "Noor", "timezone": "UTC", "locale": "ar", "is_active": "1"}
TEACHER = {
    "academy_id": 1,
    "role": "TEACHER",
    "first_name": "Ali",
    "last_name": "Omar",
    "is_active": "1",
    "is_service": "0",
}
SESSION_MOMENTS = (
    "scheduled_at",
    "ends_at",
    "ready_at",
    "completes_at",
    "overtime_until",
    "created_at",
    "updated_at",
)
SESSION = {
    "academy_id": 1,
    "teacher_id": 1,
    "kind": "QURAN",
    "format": "GROUP",
    "title": "Dawn",
    "status": "CANCELLED",
    "version": 3,
    "duration_minutes": 60,
    "attendance_policy": "{}",
    "attendance_rule": 2,
}


async def insert(table: str, *moments: str, **values: Any) -> None:
    """Insert a row; its moments are all the same, and a value that is None is left out."""
    given = {name: f"'{value}'" for name, value in values.items() if value is not None}
    named = given | dict.fromkeys(moments, MADE_AT)
    columns = ", ".join(named)
    await sql.execute(f"INSERT INTO {table} ({columns}) VALUES ({', '.join(named.values())})")


async def test_rows_of_an_earlier_release_are_found_by_their_words(template: Template) -> None:
    url = await template.blank()
    await apply(url, until="0004_sure_attendance")
    await open_database(url)
    try:
        await insert("academies", "created_at", **ACADEMY)
        for role, academy, first, email in OLD_PEOPLE:
            who = {"role": role, "academy_id": academy, "first_name": first, "last_name": "Ali"}
            keys = {"external_id": f"key {first}", "email": email}
            await insert("users", "created_at", **TEACHER | who | keys)
        circle = {"academy_id": 1, "external_id": "G1", "kind": "CIRCLE", "name": "حلقة"}
        await insert("groups", "created_at", **circle)
        private = {"format": "INDIVIDUAL", "title": "سورة الكهف", "student_id": 2}
        await insert("sessions", *SESSION_MOMENTS, **SESSION | private)
        await apply(url)

        async def found(rows: Any) -> list[int]:
            return [row.id for row in await rows.order_by("id")]

        assert await found(User.filter(users_found("احمد", 1))) == [1]
        assert await found(User.filter(users_found("ali", 1))) == [1, 2]
        assert await found(User.filter(users_found("zoe@", None))) == [2]
        assert await found(User.filter(users_found("key root", None))) == [3]
        assert await found(Group.filter(groups_found("حلقه", 1))) == [1]
        assert await found(Group.filter(groups_found("g1", 1))) == [1]
        for search in ("كهف", "zoe", "احمد سوره"):
            assert await found(Session.filter(sessions_found(search, 1))) == [1]
        # Words that the actions write are the same, so they write none anew.
        before = await SearchWord.all().order_by("id")
        await write_words(await User.all())
        await write_words(await Session.all())
        await write_words(await Group.all())
        assert await SearchWord.all().order_by("id") == before
    finally:
        await close_database()


OLD_PEOPLE = (
    ("TEACHER", 1, "أحمد", None),
    ("STUDENT", 1, "Zoë", "zoe@example.org"),
    ("SUPER_ADMIN", None, "Root", "root@example.org"),
)


async def test_members_of_before_have_been_members_always(template: Template) -> None:
    url = await template.blank()
    await apply(url, until="0004_sure_attendance")
    await open_database(url)
    try:
        await insert("academies", "created_at", **ACADEMY)
        student_row = TEACHER | {"role": "STUDENT", "password_hash": "hash"}
        await insert("users", "created_at", **student_row)
        circle = {"academy_id": 1, "external_id": "g1", "kind": "CIRCLE", "name": "Dawn"}
        await insert("groups", "created_at", **circle)
        await insert("memberships", group_id=1, user_id=1, via="ENROLMENT")
        await apply(url)
        membership, student = await Membership.get(id=1), await User.get(id=1)
    finally:
        await close_database()
    long_ago = datetime(1999, 1, 1, tzinfo=UTC)
    assert membership.term.expects(Occasion(long_ago, long_ago, long_ago))
    assert not membership.is_removed
    assert student.password_hash == "hash"
    assert not student.has_key_password
