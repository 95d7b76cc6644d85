"""Every subscription starts with the present state, also of values that change silently."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import datetime
from typing import Any

import pytest

from actions.academies.user_upsert import PersonInput, upsert_users
from actions.webhooks.notices import record_notice
from actions.writing.stream import writing
from domain.access import UserRole
from gateways.bus import Bus
from gateways.livekit_webhooks import translate
from models import User
from schema.types.ids import Kind, encode
from subscriptions.hub import REFRESH_AHEAD_S, REFRESH_EVERY_S, Hub
from subscriptions.hubs import Hubs
from subscriptions.watchers import Watchers
from tests.conftest import Database
from tests.support import make
from tests.support.classrooms import Classroom, at, ready
from tests.support.statements import counting
from tests.support.streams import Stream, Streams, streaming
from tests.support.webhooks import encode as body_of

MEETING = """
subscription ($id: ID!) { sessionEvents(sessionId: $id) {
  ... on SessionSnapshot { session { meeting { roomReadyAt } nextTransition { at } } }
} }
"""
AT_ONCE = round(REFRESH_AHEAD_S / REFRESH_EVERY_S) + 1


def meeting(streams: Streams, classroom: Classroom) -> Any:
    return streams.stream(MEETING, classroom.teacher, id=encode(Kind.SESSION, classroom.session.id))


async def room_is_ready(classroom: Classroom, when: datetime) -> None:
    async with writing(classroom.session.id, when) as draft:
        draft.change(room_ready_at=when)


async def rename(classroom: Classroom, person: User, first_name: str) -> None:
    admin = await make.user(await classroom.session.academy, UserRole.ACADEMY_ADMIN)
    named = {"first_name": first_name, "last_name": "Karim"}
    told = PersonInput(str(person.external_id), person.academy_id, person.role, named)
    await upsert_users(make.viewer(admin), [told], at(-9))


async def test_a_snapshot_tells_of_a_room_that_no_event_told_of(database: Database) -> None:
    classroom = await ready()
    async with streaming(at(-9)) as streams, meeting(streams, classroom) as first:
        assert (await first.next())["session"]["meeting"]["roomReadyAt"] is None
        for minutes, told in ((-8, "10:52"), (-7, "10:53")):
            await room_is_ready(classroom, at(minutes))
            async with meeting(streams, classroom) as later:
                session = (await later.next())["session"]
                assert session["meeting"]["roomReadyAt"] == f"2026-03-02T{told}:00.000Z"
        assert await first.is_silent()


async def names(stream: Stream) -> list[str]:
    event = await stream.next()
    rows = event["attendances"] if "attendances" in event else event["changes"]
    return [row["user"]["displayName"] for row in rows if row["role"] == "STUDENT"]


async def test_a_new_name_is_in_every_new_snapshot_and_in_the_next_change(
    database: Database,
) -> None:
    classroom = await ready()
    number, student = classroom.session.id, classroom.student
    async with streaming(at(-9)) as streams, streams.presence(number, classroom.teacher) as first:
        await names(first)
        await rename(classroom, student, "Amina")
        async with streams.presence(number, classroom.teacher) as later:
            assert await names(later) == ["Amina Karim"]
        await rename(classroom, student, "Asma")
        async with streams.row(number, student, student) as own:
            told = (await own.next())["attendance"]["user"]["displayName"]
            assert told == "Asma Karim"
        await rename(classroom, student, "Aya")
        await record_notice(translate(body_of(classroom.room.joined(classroom.stay(-2)))), at(-2))
        assert await names(first) == ["Aya Karim"]


async def test_snapshots_in_another_process_are_up_to_date(database: Database) -> None:
    classroom = await ready()
    bus = Bus()
    await bus.open()
    other = Streams(Hubs(bus, 60), Watchers(bus, 60), at(-9))
    async with streaming(at(-9)) as streams:
        async with (
            streams.presence(classroom.session.id, classroom.teacher) as here,
            other.presence(classroom.session.id, classroom.teacher) as there,
        ):
            await names(here)
            await names(there)
            await rename(classroom, classroom.student, "Amina")
            for process in (streams, other):
                async with process.presence(classroom.session.id, classroom.teacher) as later:
                    assert await names(later) == ["Amina Karim"]
    await bus.close()


async def test_a_snapshot_includes_changes_that_no_hint_has_told_yet(database: Database) -> None:
    """The roster, its statistics and the version belong together."""
    classroom = await ready()
    async with streaming(at(-9), is_told=False) as streams:
        async with streams.presence(classroom.session.id, classroom.teacher) as first:
            before = (await first.next())["version"]
            await record_notice(
                translate(body_of(classroom.room.joined(classroom.stay(-2)))), at(-2)
            )
            async with streams.presence(classroom.session.id, classroom.teacher) as later:
                now = await later.next()
            assert now["version"] == (await classroom.now()).version > before
            assert now["statistics"] == {"inMeeting": 1}
            assert [row["presence"] for row in now["attendances"]] == ["NOT_JOINED", "IN_MEETING"]
            assert (await first.next())["statistics"]["inMeeting"] == 1


async def opened(session_id: int) -> Hub:
    hub = Hub(session_id)
    await hub.open()
    return hub


async def test_watchers_who_start_together_share_one_read_of_the_tables(database: Database) -> None:
    classroom = await ready()
    hub = await opened(classroom.session.id)
    since = time.monotonic()
    with counting() as sent:
        await asyncio.gather(*(hub.refresh(since) for _ in range(500)))
    assert len(sent) == 2, sent  # the session, and its people


async def test_a_hub_that_was_just_opened_is_not_read_again(database: Database) -> None:
    classroom = await ready()
    since = time.monotonic()
    hub = await opened(classroom.session.id)
    with counting() as sent:
        await hub.refresh(since)
    assert not sent


async def test_a_storm_of_snapshots_is_no_storm_of_statements(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = await opened((await ready()).session.id)
    began = time.monotonic()
    await _at(monkeypatch, began, lambda: _storm(hub), looks=AT_ONCE)
    await _at(monkeypatch, began + REFRESH_EVERY_S, lambda: _storm(hub), looks=1)
    await _at(monkeypatch, began + 10 * REFRESH_EVERY_S, lambda: _storm(hub), looks=AT_ONCE)


async def _storm(hub: Hub) -> None:
    for _ in range(200):
        await hub.refresh(time.monotonic() + 1)  # newer than the last reading


async def _at(
    monkeypatch: pytest.MonkeyPatch, now: float, work: Callable[[], Awaitable[None]], *, looks: int
) -> None:
    with monkeypatch.context() as patched, counting() as sent:
        patched.setattr("subscriptions.hub.time.monotonic", lambda: now)
        await work()
    assert len(sent) == 2 * looks, sent


async def test_a_crowd_of_watchers_has_the_hub_read_a_few_times(database: Database) -> None:
    classroom = await ready()
    async with streaming(at(-9)) as streams, AsyncExitStack() as stack:
        number = classroom.session.id
        first = await stack.enter_async_context(streams.presence(number, classroom.teacher))
        await first.next()
        started_at = time.monotonic()
        with counting() as sent:
            crowd = [
                await stack.enter_async_context(streams.presence(number, classroom.teacher))
                for _ in range(100)
            ]
            await asyncio.gather(*(stream.next() for stream in crowd))
        looks = sum('FROM "users"' in statement for statement in sent)
        assert 1 <= looks <= AT_ONCE + (time.monotonic() - started_at) / REFRESH_EVERY_S
