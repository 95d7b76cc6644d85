"""Hubs recover from missing, repeated and false hints."""

import asyncio
from collections.abc import Callable, Collection, Iterator
from contextlib import closing
from typing import Any

import pytest

from gateways.bus import Bus
from gateways.changes import publish_version
from gateways.hints import SESSIONS
from gateways.redis_bus import RedisBus
from gateways.redis_server import RedisServer
from models.database import sql
from models.reading.rosters import read_rosters
from models.reading.unread import Since, Unread, read_unread
from subscriptions.hub import Hub, catch_up
from tests.conftest import Database
from tests.support import redis
from tests.support.classrooms import at, join, ready
from tests.support.patience import until
from tests.support.streams import streaming


@pytest.fixture
def private() -> Iterator[redis.Server]:
    with redis.private() as server:
        yield server


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[Hub]:
    """The hubs that were filled from the tables, once for each time."""
    seen: list[Hub] = []
    take = Hub.take

    def look(self: Hub, unread: Unread) -> list[Callable[[], None]]:
        seen.append(self)
        return take(self, unread)

    monkeypatch.setattr(Hub, "take", look)
    return seen


async def test_when_the_connection_is_back_a_hub_reads_what_it_missed_without_the_backstop(
    database: Database, private: redis.Server
) -> None:
    classroom = await ready()
    bus = Bus(RedisBus(RedisServer(private.url), ping_s=0.1, answer_s=0.2))
    async with streaming(at(-9), is_told=False, bus=bus) as streams:
        async with streams.presence(classroom.session.id, classroom.teacher) as stream:
            await until(lambda: bus.health.is_reachable)
            await stream.next()
            await asyncio.sleep(0)
            await join(classroom)
            assert await stream.is_silent()
            with closing(private.client()) as client:
                client.client_kill_filter(_type="pubsub")
            assert await stream.presences() == ["IN_MEETING"]


async def test_more_sessions_than_one_statement_asks_for_are_all_looked_at(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sql, "BATCH_SIZE", 2)
    classrooms = [await ready() for _ in range(5)]
    async with (
        streaming(at(-9), is_told=False) as streams,
        streams.rosters(classrooms) as watched,
    ):
        for classroom in classrooms:
            await join(classroom)
        await streams.hubs.close_gaps()
        for stream in watched:
            assert await stream.presences() == ["IN_MEETING"]


async def test_the_backstop_goes_on_after_a_database_that_failed(
    database: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    failures = 0

    async def fail(*_: Any) -> Any:
        nonlocal failures
        failures += 1
        raise ConnectionError("no database")

    classroom = await ready()
    async with streaming(at(-9), is_told=False, backstop_s=0.01) as streams:
        async with streams.presence(classroom.session.id, classroom.teacher) as stream:
            await stream.next()
            with monkeypatch.context() as broken:
                broken.setattr(sql, "query", fail)
                await until(lambda: failures > 5)
            await join(classroom)
            assert await stream.presences() == ["IN_MEETING"]
    said = [r for r in caplog.records if getattr(r, "channel", "") == SESSIONS]
    assert [record_notice.getMessage() for record_notice in said] == ["gaps not closed"]


async def test_a_reading_that_hangs_is_ended_and_each_session_is_read_alone(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("subscriptions.hubs.PATIENCE_S", 0.05)
    classroom, hung = await ready(), asyncio.Event()

    async def hang_once(asked: Collection[Since]) -> dict[int, Unread]:
        if not hung.is_set():
            hung.set()
            await asyncio.Event().wait()
        return await read_unread(asked)

    async with streaming(at(-9), is_told=False, backstop_s=0.01) as streams:
        async with streams.presence(classroom.session.id, classroom.teacher) as stream:
            await stream.next()
            monkeypatch.setattr("subscriptions.hub.read_unread", hang_once)
            await join(classroom)
            assert await stream.presences() == ["IN_MEETING"]
            assert hung.is_set()


async def test_a_storm_of_hints_costs_a_hub_one_look_and_one_for_what_came_meanwhile(
    database: Database, looks: list[Hub]
) -> None:
    classroom = await ready()
    async with streaming(at(-9)) as streams:
        async with streams.presence(classroom.session.id, classroom.teacher) as stream:
            version = (await stream.next())["version"]
            looks.clear()
            for ahead in range(1, 200):
                publish_version(classroom.session.id, version + ahead)
            await until(lambda: len(looks) > 0)
            assert await stream.is_silent()
            assert len(looks) <= 2
            await join(classroom)
            assert await stream.presences() == ["IN_MEETING"]


async def test_a_hint_that_comes_while_a_hub_opens_is_read_after_it(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    classroom, opened_at = await ready(), 0

    async def read_late(numbers: list[int]) -> Any:
        nonlocal opened_at
        opened_at = (await classroom.now()).version
        await join(classroom)
        streams.hubs._hear(classroom.session.id, opened_at + 1)
        return await read_rosters(numbers)

    monkeypatch.setattr("subscriptions.hub.read_rosters", read_late)
    async with streaming(at(-9), is_told=False) as streams:
        async with streams.presence(classroom.session.id, classroom.teacher) as stream:
            assert (await stream.next())["version"] == opened_at
            assert await stream.presences() == ["IN_MEETING"]


async def test_a_false_hint_costs_one_look_and_true_ones_none_after_it(
    database: Database, looks: list[Hub]
) -> None:
    classroom = await ready()
    async with streaming(at(-9)) as streams:
        async with streams.presence(classroom.session.id, classroom.teacher) as stream:
            version = (await stream.next())["version"]
            looks.clear()
            publish_version(classroom.session.id, version + 100)
            await until(lambda: len(looks) == 1)
            for _ in range(3):
                await streams.hubs.close_gaps()
            assert await stream.is_silent()
            assert len(looks) == 1


async def test_a_session_that_is_being_read_holds_up_no_other_and_is_read_again(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow, quick = await ready(), await ready()
    goes_on, is_read = asyncio.Event(), asyncio.Event()

    async def read(asked: Collection[Since]) -> dict[int, Unread]:
        unread = await read_unread(asked)
        if slow.session.id in unread and not goes_on.is_set():
            is_read.set()
            await goes_on.wait()
        return unread

    async with streaming(at(-9)) as streams, streams.rosters((slow, quick)) as watched:
        monkeypatch.setattr("subscriptions.hub.read_unread", read)
        async with streams.hubs.watching(slow.session.id) as hub:
            reading = asyncio.create_task(catch_up([hub]))
        await is_read.wait()
        for classroom in (slow, quick):
            await join(classroom)
        assert await watched[1].presences() == ["IN_MEETING"]
        goes_on.set()
        assert await watched[0].presences() == ["IN_MEETING"]
        await reading


async def test_a_reading_that_is_given_up_while_it_waits_holds_nothing(database: Database) -> None:
    hubs = [Hub((await ready()).session.id) for _ in range(2)]
    for hub in hubs:
        await hub.open()
    async with hubs[1].reading:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await catch_up(hubs)
    assert [hub.reading.locked() for hub in hubs] == [False, False]
    assert [hub.readers for hub in hubs] == [0, 0]


async def test_hints_during_a_reading_cost_one_look_more(
    database: Database, looks: list[Hub], monkeypatch: pytest.MonkeyPatch
) -> None:
    classroom, goes_on = await ready(), asyncio.Event()

    async def read(asked: Collection[Since]) -> dict[int, Unread]:
        await goes_on.wait()
        return await read_unread(asked)

    async with streaming(at(-9)) as streams:
        async with streams.presence(classroom.session.id, classroom.teacher) as stream:
            version = (await stream.next())["version"]
            looks.clear()
            monkeypatch.setattr("subscriptions.hub.read_unread", read)
            async with streams.hubs.watching(classroom.session.id) as hub:
                reading = asyncio.create_task(catch_up([hub]))
                for ahead in range(1, 20):
                    publish_version(classroom.session.id, version + ahead)
                    for _ in range(5):
                        await asyncio.sleep(0)
                goes_on.set()
                await reading
                assert await stream.is_silent()
    assert len(looks) == 2
