"""Readers, and the fields that they read of others, on whatever path they meet.

Names and roles belong to everybody who sees somebody's session. The email belongs to those whom
`users` shows the person; and a super admin, whose external id may be their sign-in address, shows
it to super admins only."""

import json
from typing import Any

import pytest

from actions.academies.super_admin_create import create_super_admin
from actions.admittance.barring import bar_participant
from actions.admittance.participants import add_participant
from actions.attendance.overrides import Wish, override_attendance
from actions.sessions.session_keep_open import keep_session_open
from actions.sessions.session_update import update_session
from domain.access import UserRole
from domain.attendance.fold import AttendanceStatus
from models import Session, User
from tests.conftest import Database
from tests.support import make
from tests.support.asking import asking, payload
from tests.support.scene import Scene, scene

WHO = "{ id externalId email displayName role }"
PATHS = f"""
id teacher {WHO} student {WHO} group {{ teacher {WHO} members {{ nodes {{ user {WHO} }} }} }}
keptOpen {{ by {WHO} }} meeting {{ createdBy {WHO} room {{ participants {{ user {WHO} }} }} }}
barred {WHO} attendances {{ nodes {{ user {WHO} override {{ by {WHO} }} }} }}
myAttendance {{ override {{ by {WHO} }} }}
history(first: 50) {{
  nodes {{
    ... on SessionScheduled {{ actor {WHO} }} ... on StatusChanged {{ actor {WHO} }}
    ... on SessionUpdated {{ actor {WHO} }} ... on KeptOpenChanged {{ actor {WHO} }}
    ... on PresenceChanged {{ attendance {{ user {WHO} }} }}
  }}
}}
"""
SESSION = f"query ($id: ID!) {{ session(id: $id) {{ {PATHS} }} }}"
ROWS = f"{{ attendances(filter: {{}}) {{ nodes {{ user {WHO} override {{ by {WHO} }} }} }} }}"
SNAPSHOT = f"""
subscription ($id: ID!) {{
  sessionEvents(sessionId: $id) {{ ... on SessionSnapshot {{ session {{ {PATHS} }} }} }}
}}
"""
# Without a field of the viewer's own, so executed once for all who share it.
SHARED_WHO = "{ id externalId displayName role }"
SHARED = f"""
subscription ($id: ID!) {{
  sessionEvents(sessionId: $id) {{
    ... on SessionSnapshot {{
      session {{ teacher {SHARED_WHO} keptOpen {{ by {SHARED_WHO} }}
        meeting {{ createdBy {SHARED_WHO} }} }}
    }}
  }}
}}
"""

# Reader, then of whom they read: names alone (n), the external id too (x), the email too (e);
# `-`: they never meet.
TABLE = """
             super admin teacher student classmate stranger
super        e     e     e       e       e         e
admin        n     e     e       e       e         e
supervisor   n     e     e       e       e         e
teacher      n     x     e       e       e         x
student      n     x     x       e       -         -
parent       n     x     x       e       -         -
"""


@pytest.fixture
async def there(database: Database) -> Scene:
    """A super admin has done all that leaves a name: made the meeting, kept it open, judged, and
    is on the roster."""
    there = await scene()
    await User.filter(id=there["super"].id).update(
        external_id="super:root@halaqa.example", email="root@halaqa.example"
    )
    root, session_id, now = make.viewer(there["super"]), there["mine"].id, there.now
    await Session.filter(id=session_id).update(meeting_created_by_id=there["super"].id)
    admin = make.viewer(there["admin"])
    await update_session(admin, session_id, {"title": "Surat Maryam"}, now)
    await keep_session_open(root, session_id, 200, now)
    await add_participant(root, session_id, there["super"].id, now)
    await add_participant(root, session_id, there["stranger"].id, now)
    await bar_participant(root, session_id, there["stranger"].id, now)
    excused = Wish(AttendanceStatus.EXCUSED, "Ill.")
    await override_attendance(root, session_id, there["student"].id, excused, now)
    return there


def people(data: object) -> list[dict[str, Any]]:
    """Everybody in an answer, however deep."""
    if isinstance(data, list):
        return [one for part in data for one in people(part)]
    if not isinstance(data, dict):
        return []
    found = [data] if "displayName" in data else []
    return found + [one for part in data.values() for one in people(part)]


async def test_who_reads_which_field_of_whom(there: Scene) -> None:
    header, *lines = TABLE.strip().splitlines()
    for line in lines:
        reader, *marks = line.split()
        right = dict(zip(header.split(), marks, strict=True))
        seen = await everybody(there, reader)
        for name, mark in right.items():
            assert {_mark(there, name, one) for one in seen.get(name, [])} == set(
                mark.strip("-")
            ), (reader, name)


async def test_nobody_in_an_academy_reads_the_super_admins_address(there: Scene) -> None:
    for reader in ("admin", "supervisor", "teacher", "student", "parent"):
        assert "root@" not in json.dumps(await everybody(there, reader)), reader
    assert "super:root@" in json.dumps(await everybody(there, "super"))


def _mark(there: Scene, name: str, one: dict[str, Any]) -> str:
    row = there[name]
    assert one["role"] == row.role
    assert one["displayName"] == row.display_name
    if one["externalId"] is None:
        assert one.get("email") is None
        return "n"
    return "e" if one.get("email") else "x"


async def everybody(there: Scene, reader: str) -> dict[str, list[dict[str, Any]]]:
    """Everybody whom the reader meets, by name, on every path."""
    seen: dict[str, list[dict[str, Any]]] = {}
    person, id, now = there[reader], there.id("mine"), there.now
    async with asking() as asker:
        answers = [
            payload(await asker.ask(SESSION, person, now=now, id=id)),
            payload(await asker.ask(ROWS, person, now=now)),
            payload(await asker.first_event(SNAPSHOT, person, now=now, id=id)),
        ]
        for query in ("{ viewer %s }", "{ users(first: 100) { nodes %s } }"):
            answers.append(payload(await asker.ask(query % WHO, person, now=now)))
    for one in people(answers):
        seen.setdefault(there.name(one["id"]), []).append(one)
    return seen


async def test_in_a_shared_execution_a_super_admin_has_no_external_id(there: Scene) -> None:
    async with asking() as asker:
        for reader in ("student", "admin", "super"):
            event = await asker.first_event(
                SHARED, there[reader], now=there.now, id=there.id("mine")
            )
            met = {there.name(one["id"]): one["externalId"] for one in people(payload(event))}
            assert met["teacher"] == there["teacher"].external_id
            assert met["super"] is None


async def test_the_first_super_admins_external_id_is_not_their_address(database: Database) -> None:
    made = await create_super_admin("root@halaqa.example", "correct horse battery", make.ELEVEN)
    assert made.role is UserRole.SUPER_ADMIN
    assert "root" not in str(made.external_id)
