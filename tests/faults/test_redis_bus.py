"""A Redis that is killed, frozen, garbled or absent delays hints and misleads nobody."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing

import pytest

from gateways.bus import Bus
from gateways.hints import OUTBOX_MAX_HINTS, SESSIONS, VIEWERS
from gateways.redis_bus import RedisBus
from gateways.redis_server import RedisServer
from tests.support import redis
from tests.support.buses import Listening, listening
from tests.support.patience import until


@pytest.fixture
def private() -> Iterator[redis.Server]:
    with redis.private() as server:
        yield server


@asynccontextmanager
async def two(url: str, *, is_there: bool = True) -> AsyncIterator[tuple[Listening, Listening]]:
    async with listening(url, is_there=is_there) as one:
        async with listening(url, is_there=is_there) as other:
            yield one, other


async def test_the_others_hear_it_and_its_own_listeners_hear_it_once(redis_url: str) -> None:
    async with two(redis_url) as (one, other):
        one.bus.publish(SESSIONS, "1:1")
        await other.hears("1:1")
        other.bus.publish(SESSIONS, "1:2")  # comes after the echo of the first
        await one.hears("1:2")
        assert one.heard == other.heard == ["1:1", "1:2"]


async def test_another_database_number_is_another_bus(redis_url: str) -> None:
    beside = f"{redis_url.rpartition('/')[0]}/5"
    async with two(redis_url) as (one, other), listening(beside) as foreign:
        one.bus.publish(SESSIONS, "1:1")
        await other.hears("1:1")
        with closing(redis.client(redis_url)) as client:
            client.publish("halaqa:5:sessions", "somebody 2:2")
        await foreign.hears("2:2")
        assert foreign.heard == ["2:2"]


async def test_with_a_redis_that_is_never_there_its_own_listeners_are_told_at_once() -> None:
    with redis.private(is_started=False) as server:
        async with listening(server.url, is_there=False) as one:
            for version in range(3):
                one.bus.publish(SESSIONS, f"1:{version}")
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            assert one.heard == ["1:0", "1:1", "1:2"]
            assert one.gaps == 0
            assert not one.bus.health.is_reachable


async def test_the_loss_and_the_return_of_redis_are_logged_once_each(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "halaqa.bus")
    with redis.private(is_started=False) as server:
        async with listening(server.url, is_there=False) as one:
            one.bus.publish(SESSIONS, "1:1")
            await until(lambda: "redis does not answer, since" in one.bus.health.detail)
            await asyncio.sleep(0.5)  # time for more attempts
            server.start()
            await one.is_told_of_a_gap()
            await until(lambda: one.bus.health.is_reachable)
            assert one.bus.health.detail.startswith("redis, since ")
    assert [record.getMessage() for record in caplog.records] == [
        "message bus does not answer",
        "message bus connected",
    ]


async def test_hints_without_redis_are_bounded_and_the_newest_are_published_later() -> None:
    with redis.private(is_started=False) as server:
        async with two(server.url, is_there=False) as (one, other):
            for session in range(2 * OUTBOX_MAX_HINTS):
                one.bus.publish(SESSIONS, f"{session}:1")
            for version in range(2, 1000):
                one.bus.publish(SESSIONS, f"{2 * OUTBOX_MAX_HINTS}:{version}")
            assert len(one.bus.outbox) <= OUTBOX_MAX_HINTS
            server.start()
            await one.is_told_of_a_gap()
            await other.is_told_of_a_gap()
            one.bus.publish(VIEWERS, "1")
            await until(lambda: not len(one.bus.outbox))
            await other.hears(f"{2 * OUTBOX_MAX_HINTS}:999")
            # Each comes once, or twice where a busy Redis took it and answered too late.
            assert len(set(other.heard)) <= OUTBOX_MAX_HINTS


async def test_a_killed_connection_is_made_again_and_told_as_a_gap(private: redis.Server) -> None:
    async with two(private.url) as (one, other):
        for kill in range(1, 4):
            gaps = other.gaps
            with closing(private.client()) as client:
                client.client_kill_filter(_type="pubsub")
            await other.is_told_of_a_gap(since=gaps)
            one.bus.publish(SESSIONS, f"1:{kill}")
            await other.hears(f"1:{kill}")
        assert other.bus.health.is_reachable


async def test_a_killed_redis_is_found_again_on_its_return(private: redis.Server) -> None:
    async with two(private.url) as (one, other):
        gaps = other.gaps
        private.kill()
        await until(lambda: not other.bus.health.is_reachable)
        one.bus.publish(SESSIONS, "1:1")
        private.start()
        await other.is_told_of_a_gap(since=gaps)
        await until(lambda: one.bus.health.is_reachable)
        one.bus.publish(SESSIONS, "1:2")
        await other.hears("1:2")


async def test_a_frozen_redis_is_noticed_and_found_again(private: redis.Server) -> None:
    async with two(private.url) as (one, other):
        gaps = other.gaps
        private.freeze()
        one.bus.publish(SESSIONS, "1:1")
        await until(lambda: one.heard == ["1:1"])
        await until(lambda: not other.bus.health.is_reachable)
        private.thaw()
        await other.is_told_of_a_gap(since=gaps)
        one.bus.publish(SESSIONS, "1:2")
        await other.hears("1:2")
        await until(lambda: one.bus.health.is_reachable)


async def test_a_server_that_takes_the_connection_and_says_nothing_is_no_redis() -> None:
    """A half-open line looks like this: nobody is at the other end, and nothing says so."""

    taken: list[asyncio.StreamWriter] = []

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        taken.append(writer)
        await reader.read()
        writer.close()

    async with await asyncio.start_server(hold, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with listening(f"redis://127.0.0.1:{port}", is_there=False) as one:
            one.bus.publish(SESSIONS, "1:1")
            await until(lambda: len(taken) > 3)  # it gives up waiting and tries again
            assert one.heard == ["1:1"]
            assert one.gaps == 0
            assert not one.bus.health.is_reachable


GARBAGE = [
    b"",
    b"1:9",
    b"somebody",
    b"somebody 1:9:9",
    b"somebody one:nine",
    b"somebody 1:-9",
    b'{"session": 1}',
    b"\xff\xfe 1:\xff",
    b"somebody " + b"9" * 100_000,
    b"*3\r\n$7\r\nmessage\r\n",
]


async def test_messages_of_other_publishers_on_the_same_redis_are_ignored(
    redis_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with two(redis_url) as (one, other):
        with closing(redis.client(redis_url)) as client:
            for channel in ("sessions", "clock", "viewers", "\0gap"):
                for message in GARBAGE:
                    client.publish(f"halaqa:0:{channel}", message)
        one.bus.publish(SESSIONS, "1:1")
        await other.hears("1:1")
        assert other.heard == ["1:1"]
        assert other.gaps == 1
    assert caplog.records == []


async def test_a_listener_that_fails_spoils_nothing_for_the_others(redis_url: str) -> None:
    def fail(message: str) -> None:
        raise ValueError(message)

    async with listening(redis_url) as one:
        bus = Bus(RedisBus(RedisServer(redis_url)))
        bus.listen(SESSIONS, fail)
        late = Listening(bus)
        bus.listen(SESSIONS, late.heard.append, on_gap=late.miss)
        await bus.open()
        await late.is_told_of_a_gap()
        for version in range(3):
            one.bus.publish(SESSIONS, f"{version}:1")
            bus.publish(SESSIONS, f"1{version}:1")
        await late.hears("2:1")
        await late.hears("12:1")
        await bus.close()


async def test_a_storm_leaves_everybody_with_the_newest_of_each(redis_url: str) -> None:
    async with two(redis_url) as (one, other):
        for version in range(1, 401):
            for session in range(50):
                one.bus.publish(SESSIONS, f"{session}:{version}")
            if version % 10 == 0:
                await asyncio.sleep(0)
        for session in range(50):
            await other.hears(f"{session}:400")
        assert len(one.heard) == 20_000
        newest: dict[str, int] = {}
        for message in other.heard:
            session_id, _, number = message.partition(":")
            assert int(number) > newest.get(session_id, 0)
            newest[session_id] = int(number)


async def test_another_installation_on_the_same_redis_hears_nothing(redis_url: str) -> None:
    async with two(redis_url) as (one, other):
        foreign = Listening(Bus(RedisBus(RedisServer.of(redis_url, "another"))))
        foreign.bus.listen(SESSIONS, foreign.heard.append, on_gap=foreign.miss)
        await foreign.bus.open()
        await foreign.is_told_of_a_gap()
        one.bus.publish(SESSIONS, "1:1")
        await other.hears("1:1")
        foreign.bus.publish(SESSIONS, "2:2")
        with closing(redis.client(redis_url)) as client:
            client.publish("halaqa:another:0:sessions", "somebody 3:3")
        await foreign.hears("3:3")
        assert foreign.heard == ["2:2", "3:3"]
        await foreign.bus.close()
