"""A hidden value is null or empty on every path to it.

One large document walks from every root through everybody to everything. Every email, relative and
attendance that the answer shows anywhere is collected and compared with the lists written here."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from models import Academy, Session, User
from tests.conftest import Database
from tests.support.asking import Asker, asking, payload
from tests.support.livekit_events import Room, Stay, send
from tests.support.scene import Scene, scene

PERSON = """
fragment Person on User {
  __typename id email
  children { __typename id email children { __typename id } guardians { __typename id email } }
  guardians { __typename id email children { __typename id email } }
  home: academy { __typename id meetingLinkTemplate }
  attendanceHistory(first: 50) { nodes { ...Row } }
}
fragment Row on Attendance {
  __typename id
  user { __typename id email children { __typename id } attendanceHistory { nodes { ...Short } } }
  session {
    __typename id attendances { nodes { ...Short } } myAttendance { ...Short }
    history(first: 50) { nodes { __typename ... on PresenceChanged { attendance { ...Short } } } }
    leader: teacher { __typename id email attendanceHistory { nodes { ...Short } } }
  }
}
fragment Short on Attendance { __typename id user { __typename id email } }
fragment Meet on Session {
  __typename id meeting { __typename lastError createdBy { ...Person } }
  academy { __typename id meetingLinkTemplate }
  teacher { ...Person } student { ...Person }
  group { ...Circle }
  attendances(first: 50) { nodes { ...Row } }
  myAttendance { ...Row }
  history(first: 50) {
    nodes {
      __typename
      ... on SessionScheduled { actor { ...Person } }
      ... on MeetingCreated { meeting { __typename lastError } }
      ... on PresenceChanged { attendance { ...Row } }
    }
  }
}
fragment Circle on Group {
  __typename id leader: teacher { ...Person } academy { __typename id meetingLinkTemplate }
  members(first: 50) { nodes { __typename user { ...Person } } }
}
"""
EVERYWHERE = (
    """
query ($ids: [ID!]!) {
  viewer { ...Person }
  nodes(ids: $ids) { ...Person ...Row ...Meet ...Circle }
  users(first: 100) { nodes { ...Person } }
  groups(first: 100) { nodes { ...Circle } }
  sessions(first: 100) { nodes { ...Meet } }
  attendances(filter: {}, first: 100) { nodes { ...Row } }
  academies(first: 100) { nodes { __typename id meetingLinkTemplate } }
}
"""
    + PERSON
)
EVENT = (
    "subscription ($id: ID!) { sessionEvents(sessionId: $id) "
    "{ ... on SessionSnapshot { session { ...Meet } } } }" + PERSON
)


@dataclass
class Seen:
    """Names of the people and rows that showed anywhere in an answer."""

    emails: set[str] = field(default_factory=set)
    kin: set[tuple[str, str]] = field(default_factory=set)
    attendances: set[str] = field(default_factory=set)
    members: set[str] = field(default_factory=set)
    templates: set[str] = field(default_factory=set)
    errors: set[str] = field(default_factory=set)
    sessions: set[str] = field(default_factory=set)
    presence_is_told: bool = False


@pytest.fixture
async def there(database: Database) -> Scene:
    """A scene in which somebody has joined, a room has an error and academies have own pages."""
    there = await scene()
    joined_at = there.now + timedelta(minutes=1)
    for session, who in (("mine", "classmate"), ("others", "stranger")):
        room = Room(there[session], there.now)
        await send(room.joined(Stay(there[who], joined_at)), joined_at)
    for user in await User.filter(email__isnull=True):
        await User.filter(id=user.id).update(email=f"{user.id}@example.org")
    await Session.all().update(room_error="LiveKit did not answer in time.")
    await Academy.all().update(meeting_link_template="app://class/{room}")
    return there


OWN = {"admin", "supervisor", "teacher", "colleague", "student", "classmate", "stranger"}
OWN |= {"parent", "others_parent", "somebody"}  # `somebody` scheduled the sessions
OWN_ROWS = {"attendance", "classmates_attendance", "teachers_attendance"}
ALL_ROWS = OWN_ROWS | {"others_attendance", "colleagues_attendance"}
ALL_KIN = {("parent", "student"), ("others_parent", "classmate"), ("others_parent", "stranger")}


async def test_a_student_sees_nobodys_but_their_own(there: Scene) -> None:
    seen = await everything(there, "student")
    assert seen == Seen(
        emails={"student"}, attendances={"attendance"}, members={"student"}, sessions={"mine"}
    )


async def test_a_parent_sees_their_childs(there: Scene) -> None:
    seen = await everything(there, "parent")
    assert seen == Seen(
        emails={"parent", "student"},
        kin={("parent", "student")},
        attendances={"attendance"},
        members={"student"},
        sessions={"mine"},
    )


async def test_a_teacher_sees_those_of_their_groups_and_sessions_and_nothing_beside(
    there: Scene,
) -> None:
    seen = await everything(there, "teacher")
    assert seen == Seen(
        emails={"teacher", "student", "classmate"},
        attendances=OWN_ROWS,
        members={"student", "classmate"},
        errors={"mine"},
        sessions={"mine"},
        presence_is_told=True,
    )


@pytest.mark.parametrize(("role", "templates"), [("supervisor", set()), ("admin", {"academy"})])
async def test_staff_see_all_of_their_academy_and_nothing_of_another(
    there: Scene, role: str, templates: set[str]
) -> None:
    seen = await everything(there, role)
    assert seen == Seen(
        emails=OWN,
        kin=ALL_KIN,
        attendances=ALL_ROWS,
        members={"student", "classmate", "stranger"},
        templates=templates,
        errors={"mine", "others"},
        sessions={"mine", "others"},
        presence_is_told=True,
    )


async def test_a_super_admin_sees_everything(there: Scene) -> None:
    seen = await everything(there, "super")
    assert {"foreign_student", "stranger"} < seen.emails
    assert {"foreign_attendance", "others_attendance"} < seen.attendances
    assert seen.templates == {"academy", "foreign_academy"}


async def everything(there: Scene, role: str) -> Seen:
    """All that this viewer can read, by query and by subscription."""
    ids = [there.id(name) for name in there.rows]
    seen = Seen()
    async with asking() as asker:
        answer = await asker.ask(EVERYWHERE, there[role], now=there.now, ids=ids)
        assert answer["errors"] == []
        collect(there, answer["data"], seen)
        await _watch(asker, there, role, seen)
    return seen


async def _watch(asker: Asker, there: Scene, role: str, seen: Seen) -> None:
    for name in sorted(seen.sessions):
        event = await asker.first_event(EVENT, there[role], now=there.now, id=there.id(name))
        collect(there, payload(event), seen)


def collect(there: Scene, data: object, seen: Seen) -> None:
    for thing in things(data):
        match thing.get("__typename"):
            case "User":
                _note_person(there, thing, seen)
            case "Attendance":
                seen.attendances.add(there.name(thing["id"]))
            case "Academy" if thing["meetingLinkTemplate"]:
                seen.templates.add(there.name(thing["id"]))
            case "QuranSession":
                _note_session(there, thing, seen)
            case "GroupMember":
                seen.members.add(there.name(thing["user"]["id"]))
            case "PresenceChanged":
                seen.presence_is_told = True


def _note_person(there: Scene, user: dict[str, Any], seen: Seen) -> None:
    if user.get("email"):
        seen.emails.add(there.name(user["id"]))
    for child in user.get("children") or ():
        seen.kin.add((there.name(user["id"]), there.name(child["id"])))
    for guardian in user.get("guardians") or ():
        seen.kin.add((there.name(guardian["id"]), there.name(user["id"])))


def _note_session(there: Scene, session: dict[str, Any], seen: Seen) -> None:
    name = there.name(session["id"])
    seen.sessions.add(name)
    if (session.get("meeting") or {}).get("lastError"):
        seen.errors.add(name)


def things(data: Any) -> Iterator[dict[str, Any]]:
    """Every object anywhere in an answer."""
    if isinstance(data, dict):
        yield data
    for part in data.values() if isinstance(data, dict) else data if isinstance(data, list) else ():
        yield from things(part)
