"""Clocks and workers on one Redis: what they send, take, leave and survive."""

from contextlib import AbstractAsyncContextManager, AsyncExitStack
from datetime import timedelta

import pytest

from actions.writing.stream import writing
from domain.queue import GROUP
from domain.session import WorkKind
from domain.status import SessionStatus
from gateways.livekit import LiveKit
from gateways.redis_server import RedisServer
from models import DueWork, Session
from models.database.connection import close_database, open_database
from models.database.installation import installation
from models.reading.clock_status import read_clock_status
from tasks.broker import StreamBroker
from tasks.clock import Clock
from tasks.lane import WIDTH
from tests.conftest import Database, Template
from tests.support import redis as redis_servers
from tests.support.exposition import counted
from tests.support.livekit_stub import LiveKitStub
from tests.support.patience import see, until
from tests.support.private_sessions import at, make_sessions, starting_in
from tests.support.queued_work import (
    LIVEKIT,
    claimed,
    has_no_work,
    health,
    over,
    ready,
    stream_of,
)
from tests.support.queues import looking, sending
from tests.support.ticking import reaching, ticking

pytestmark = pytest.mark.usefixtures("database")

GIVEN_BACK = {"kind": "MAKE_ROOM", "outcome": "GIVEN_BACK"}


def by(
    url: str, livekit: LiveKit, minutes: float = 1, *, is_worker: bool = True
) -> AbstractAsyncContextManager[Clock]:
    """A clock that sends its work to Redis, so many minutes after eleven."""
    return ticking(livekit, lambda: at(minutes), redis_url=url, is_worker=is_worker)


async def test_a_clock_without_a_worker_sends_no_more_than_a_worker_can_start(
    redis_url: str,
) -> None:
    await ready(3 * WIDTH)
    async with looking(redis_url) as queue:
        async with (
            reaching("http://127.0.0.1:1") as livekit,
            by(redis_url, livekit, is_worker=False),
            by(redis_url, livekit, is_worker=False) as other,
        ):

            async def is_full() -> bool:
                return see(await queue.waiting(LIVEKIT)) >= WIDTH

            await until(is_full)
            swept = other.sweeps
            await until(lambda: other.sweeps > swept + 2)
        taken = await DueWork.exclude(claimed_until=None).count()
        # Work is released when Redis took it and answered too late: its message is one more.
        assert taken <= await queue.waiting(LIVEKIT) <= 2 * WIDTH


async def test_work_that_no_worker_takes_is_told_apart_from_work_that_fails(
    redis_url: str,
) -> None:
    await ready()

    async def is_late(untried: int) -> bool:
        told = await read_clock_status(at(2))
        return see((told.overdue_work, told.untried_work)) == (1, untried)

    async with (
        reaching("http://127.0.0.1:1") as livekit,
        looking(redis_url) as queue,
        by(redis_url, livekit, is_worker=False),
    ):

        async def is_sent() -> bool:
            return see(await queue.waiting(LIVEKIT)) == 1

        await until(is_sent)
        assert await is_late(untried=1)
        async with by(redis_url, livekit):
            await until(lambda: is_late(untried=0))


async def test_a_silent_livekit_does_not_hold_up_attendance_in_the_queue(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.clock.STOP_WITHIN_S", 0.1)
    number = 2 * WIDTH + 5
    await over(number)
    async with AsyncExitStack() as stack:
        stub = await stack.enter_async_context(LiveKitStub())
        stub.slow_s = 30
        livekit = await stack.enter_async_context(reaching(stub.url))
        await stack.enter_async_context(by(redis_url, livekit, 66))
        await until(lambda: stub.calls.count("DeleteRoom") == WIDTH)
        await until(lambda: are_final(number))
        assert await DueWork.filter(kind=WorkKind.DELETE_ROOM).count() == number


async def are_final(number: int) -> bool:
    return see(await Session.filter(finalised_at__isnull=False).count()) == number


async def test_a_worker_does_more_than_fits_into_its_lanes_at_once(redis_url: str) -> None:
    await over(3 * WIDTH)
    async with AsyncExitStack() as stack:
        stub = await stack.enter_async_context(LiveKitStub())
        livekit = await stack.enter_async_context(reaching(stub.url))
        await stack.enter_async_context(by(redis_url, livekit, 66))
        await until(has_no_work)
        queue = await stack.enter_async_context(looking(redis_url))
        await until(queue.is_empty)


async def test_a_worker_that_is_told_to_stop_ends_what_it_does_and_leaves_nothing(
    redis_url: str,
) -> None:
    (session,) = await ready()
    async with AsyncExitStack() as stack:
        stub = await stack.enter_async_context(LiveKitStub())
        livekit = await stack.enter_async_context(reaching(stub.url))
        queue = await stack.enter_async_context(looking(redis_url))
        async with by(redis_url, livekit):
            stub.slow_s = 0.5
            await until(lambda: "CreateRoom" in stub.calls)
        assert (await Session.get(id=session.id)).room_ready_at
        assert await has_no_work()
        assert await queue.is_empty()
        assert await queue.consumers(LIVEKIT) == []


async def test_work_that_takes_too_long_when_its_worker_stops_is_released(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.clock.STOP_WITHIN_S", 0.1)
    await ready()
    async with AsyncExitStack() as stack:
        stub = await stack.enter_async_context(LiveKitStub())
        livekit = await stack.enter_async_context(reaching(stub.url))
        queue = await stack.enter_async_context(looking(redis_url))
        before = counted("work_total", **GIVEN_BACK)
        async with by(redis_url, livekit):
            stub.slow_s = 30
            await until(lambda: "CreateRoom" in stub.calls)
        assert counted("work_total", **GIVEN_BACK) == before + 1
        work = await DueWork.get(kind=WorkKind.MAKE_ROOM)
        assert (work.claimed_until, work.begun, work.attempts) == (None, 0, 0)
        assert await queue.is_empty()


async def test_sessions_move_without_redis_and_their_work_is_done_when_it_is_back() -> None:
    with redis_servers.private(is_started=False) as server:
        sessions = await make_sessions(3)
        await DueWork.all().delete()
        async with AsyncExitStack() as stack:
            stub = await stack.enter_async_context(LiveKitStub())
            livekit = await stack.enter_async_context(reaching(stub.url))
            when = lambda: at(1)  # noqa: E731
            one = ticking(livekit, when, redis_url=server.url, is_worker=True)
            running = await stack.enter_async_context(one)
            await until(lambda: has_started(sessions[0]))
            before = running.sweeps
            await until(lambda: running.sweeps > before + 2)
            assert not await DueWork.exclude(claimed_until=None).exists()
            assert await health(server.url) == (False, "Redis cannot be reached.")
            server.start()
            await until(has_no_work)
            server.kill()  # it forgets everything
            for session in sessions:
                async with writing(session.id, at(1)) as draft:
                    draft.add_work(WorkKind.MAKE_ROOM, at(1))
            server.start()
            await until(has_no_work)
            queue = await stack.enter_async_context(looking(server.url))
            await until(queue.is_empty)


async def has_started(session: Session) -> bool:
    return see((await Session.get(id=session.id)).status) is SessionStatus.ONGOING


async def test_a_frozen_redis_holds_up_no_sweep() -> None:
    with redis_servers.private() as server:
        async with AsyncExitStack() as stack:
            stub = await stack.enter_async_context(LiveKitStub())
            livekit = await stack.enter_async_context(reaching(stub.url))
            await stack.enter_async_context(ticking(livekit, redis_url=server.url, is_worker=True))
            server.freeze()
            for _ in range(3):
                session = await starting_in(0.2)
                await until(lambda: has_started(session))  # noqa: B023
                row = await Session.get(id=session.id)
                assert row.updated_at - row.scheduled_at < timedelta(seconds=0.5)
            server.thaw()
            await until(has_no_work)


async def test_messages_of_a_deleted_consumer_do_not_block_their_lane(redis_url: str) -> None:
    """A worker got these messages before its consumer was deleted by hand."""
    await ready()
    async with AsyncExitStack() as stack:
        stub = await stack.enter_async_context(LiveKitStub())
        livekit = await stack.enter_async_context(reaching(stub.url))
        queue = await stack.enter_async_context(looking(redis_url))
        stream = queue.stream(LIVEKIT)
        await queue.redis.xgroup_create(stream, GROUP, id="0", mkstream=True)
        for _ in range(WIDTH):
            await queue.put(LIVEKIT, data=b"lost")
        await queue.redis.xreadgroup(GROUP, "gone", {stream: ">"})
        await queue.redis.xgroup_delconsumer(stream, GROUP, "gone")
        assert await health(redis_url) == (True, "Redis: 0 wait, 0 set aside")
        await stack.enter_async_context(by(redis_url, livekit))
        await until(has_no_work)


async def test_two_installations_on_one_redis_do_not_take_each_others_work(redis_url: str) -> None:
    await ready()
    async with AsyncExitStack() as stack:
        stub = await stack.enter_async_context(LiveKitStub())
        livekit = await stack.enter_async_context(reaching(stub.url))
        sender = await stack.enter_async_context(sending(redis_url, LIVEKIT, livekit))
        other = StreamBroker(RedisServer.of(redis_url, "another"), LIVEKIT)
        await other.stream.declare()
        (claim,) = await claimed()
        await sender.send(claim)
        assert await stream_of(sender).waiting() == 1
        assert await other.stream.waiting() == 0
        await other.shutdown()


@pytest.mark.parametrize("template", ["postgres"], indirect=True)
async def test_every_database_is_an_installation_of_its_own(
    template: Template, database: Database
) -> None:
    here = await installation()
    await close_database()
    await open_database(await template.copy())
    assert await installation() != here
    await close_database()
    await open_database(database.url)
    assert await installation() == here
