"""Presence for who cannot hold a connection: the same changes, asked for by cursor."""

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
from tests.support.lessons import Lesson, at, ready
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


async def joins(lesson: Lesson, minutes: float, user: User | None = None) -> None:
    stay = lesson.stay(minutes, user)
    await record_notice(translate(body_of(lesson.room.joined(stay))), at(minutes))


async def changes(asker: Asker, lesson: Lesson, after: str, as_: User | None = None) -> Any:
    number = encode(Kind.SESSION, lesson.session.id)
    viewer = as_ or lesson.teacher
    answer = await asker.ask(CHANGES, viewer, now=at(-1), id=number, after=after)
    return payload(answer)


async def test_a_client_that_asks_now_and_then_keeps_its_roster(database: Database) -> None:
    lesson = await ready(students=2)
    board = Dashboard()
    async with asking() as asker:
        assert board.take(await changes(asker, lesson, ""))
        assert [row["presence"] for row in board.roster.values()] == ["NOT_JOINED"] * 3
        for student in lesson.students:
            await joins(lesson, -2, student)
            told = await changes(asker, lesson, str(board.cursor))
            assert told["__typename"] == "PresenceChanges"
            assert [row["presence"] for row in told["changes"]] == ["IN_MEETING"]
            assert board.take(told)
        assert told["statistics"] == {"inMeeting": 2}
    present = [row["presence"] for row in board.roster.values()].count("IN_MEETING")
    assert (present, board.gaps) == (2, 0)


async def test_where_nothing_changed_there_is_nothing_in_it(database: Database) -> None:
    lesson = await ready()
    async with asking() as asker:
        cursor = (await changes(asker, lesson, ""))["cursor"]
        told = await changes(asker, lesson, cursor)
        assert (told["changes"], told["removedIds"], told["cursor"]) == ([], [], cursor)
        assert told["fromVersion"] <= told["version"]


async def test_a_cursor_too_old_gets_the_roster(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    lesson = await ready()
    monkeypatch.setattr(attendance, "CHANGES_MAX_EVENTS", 1)
    async with asking() as asker:
        cursor = (await changes(asker, lesson, ""))["cursor"]
        await joins(lesson, -2)  # and with the first join the session begins: two events
        assert (await changes(asker, lesson, cursor))["__typename"] == "PresenceSnapshot"


async def test_it_is_for_those_who_manage_the_session(database: Database) -> None:
    lesson = await ready()
    parent = await make.parent(await lesson.session.academy, lesson.student)
    async with asking() as asker:
        for who in (lesson.student, parent):
            assert await changes(asker, lesson, "", who) is None
