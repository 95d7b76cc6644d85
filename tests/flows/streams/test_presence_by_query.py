"""A client without a connection asks for the same changes of presence by cursor."""

from typing import Any

import pytest

from actions.webhooks.notices import record_notice
from gateways.livekit_webhooks import translate
from models import User
from resolvers import attendance
from schema.types.ids import Kind, encode
from tests.conftest import Database
from tests.support import make
from tests.support.asking import Asker, asking, payload
from tests.support.classrooms import Classroom, at, ready
from tests.support.streams import Dashboard
from tests.support.webhooks import encode as body_of

CHANGES = """
query ($id: ID!, $after: String!) {
  sessionPresenceChanges(sessionId: $id, after: $after) {
    __typename cursor version asOf
    ... on PresenceSnapshot { attendances { id presence } statistics { inMeeting } }
    ... on PresenceChanges {
      fromVersion changes { id presence } removedIds statistics { inMeeting }
    }
  }
}
"""


async def joins(classroom: Classroom, minutes: float, user: User | None = None) -> None:
    stay = classroom.stay(minutes, user)
    await record_notice(translate(body_of(classroom.room.joined(stay))), at(minutes))


async def changes(asker: Asker, classroom: Classroom, after: str, as_: User | None = None) -> Any:
    number = encode(Kind.SESSION, classroom.session.id)
    viewer = as_ or classroom.teacher
    answer = await asker.ask(CHANGES, viewer, now=at(-1), id=number, after=after)
    return payload(answer)


async def test_a_client_that_asks_now_and_then_keeps_its_roster(database: Database) -> None:
    classroom = await ready(students=2)
    board = Dashboard()
    async with asking() as asker:
        assert board.take(await changes(asker, classroom, ""))
        assert [row["presence"] for row in board.roster.values()] == ["NOT_JOINED"] * 3
        for student in classroom.students:
            await joins(classroom, -2, student)
            told = await changes(asker, classroom, str(board.cursor))
            assert told["__typename"] == "PresenceChanges"
            assert [row["presence"] for row in told["changes"]] == ["IN_MEETING"]
            assert board.take(told)
        assert told["statistics"] == {"inMeeting": 2}
    present = [row["presence"] for row in board.roster.values()].count("IN_MEETING")
    assert (present, board.gaps) == (2, 0)


async def test_changes_after_a_current_cursor_are_empty(database: Database) -> None:
    classroom = await ready()
    async with asking() as asker:
        cursor = (await changes(asker, classroom, ""))["cursor"]
        told = await changes(asker, classroom, cursor)
        assert (told["changes"], told["removedIds"], told["cursor"]) == ([], [], cursor)
        assert told["fromVersion"] <= told["version"]


async def test_a_cursor_too_old_gets_the_roster(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    classroom = await ready()
    monkeypatch.setattr(attendance, "CHANGES_MAX_EVENTS", 1)
    async with asking() as asker:
        cursor = (await changes(asker, classroom, ""))["cursor"]
        await joins(classroom, -2)  # the first join also starts the session: two events
        assert (await changes(asker, classroom, cursor))["__typename"] == "PresenceSnapshot"


async def test_presence_by_query_is_for_managers_of_the_session(database: Database) -> None:
    classroom = await ready()
    parent = await make.parent(await classroom.session.academy, classroom.student)
    async with asking() as asker:
        for who in (classroom.student, parent):
            assert await changes(asker, classroom, "", who) is None
