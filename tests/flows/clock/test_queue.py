"""Work through Redis: clocks send it, workers do it once, and nothing is left behind."""

import asyncio
from contextlib import AsyncExitStack, suppress
from datetime import timedelta

import pytest

import clock
from actions.rooms.room_work import Rooms
from models import Session
from tasks.broker import StreamBroker
from tasks.stream import Delivery, JobStream
from tasks.work import Jobs
from tasks.worker import Worker
from tests.support.livekit_stub import LiveKitStub
from tests.support.patience import PATIENCE_S, see, until, within
from tests.support.queued_work import LIVEKIT, NOW, claimed, has_no_work, ready, stream_of
from tests.support.queues import Queue, looking, sending, server_at, working
from tests.support.ticking import reaching

pytestmark = pytest.mark.usefixtures("database")


async def test_a_job_that_is_sent_is_done_by_a_worker_and_gone_from_the_stream(
    redis_url: str,
) -> None:
    (session,) = await ready()
    async with AsyncExitStack() as stack:
        stub = await stack.enter_async_context(LiveKitStub())
        livekit = await stack.enter_async_context(reaching(stub.url))
        queue = await stack.enter_async_context(looking(redis_url))
        sender = await stack.enter_async_context(sending(redis_url, LIVEKIT, livekit))
        (claim,) = await claimed()
        await sender.send(claim)  # before any worker was there
        assert await queue.waiting(LIVEKIT) == 1
        await stack.enter_async_context(working(redis_url, LIVEKIT, livekit, NOW))
        await until(has_no_work)
        await until(queue.is_empty)
    assert (await Session.get(id=session.id)).room_ready_at == NOW


async def test_several_workers_do_each_thing_once(redis_url: str) -> None:
    sessions = await ready(30)
    async with AsyncExitStack() as stack:
        stub = await stack.enter_async_context(LiveKitStub())
        livekit = await stack.enter_async_context(reaching(stub.url))
        for _ in range(3):
            await stack.enter_async_context(working(redis_url, LIVEKIT, livekit, NOW))
        sender = await stack.enter_async_context(sending(redis_url, LIVEKIT, livekit))
        for claim in await claimed():
            for _ in range(2):  # every message comes twice
                await sender.send(claim)
        queue = await stack.enter_async_context(looking(redis_url))
        await until(queue.is_empty)
        assert stub.calls.count("CreateRoom") == len(sessions)
    assert await has_no_work()


async def test_a_message_of_a_dead_worker_is_taken_by_another(redis_url: str) -> None:
    await ready()
    async with AsyncExitStack() as stack:
        stub = await stack.enter_async_context(LiveKitStub())
        livekit = await stack.enter_async_context(reaching(stub.url))
        queue = await stack.enter_async_context(looking(redis_url))
        dead = await stack.enter_async_context(sending(redis_url, LIVEKIT, livekit))
        (claim,) = await claimed()
        await dead.send(claim)
        await stream_of(dead).declare()
        assert await stream_of(dead).next()
        soon = timedelta(milliseconds=1)
        await stack.enter_async_context(working(redis_url, LIVEKIT, livekit, NOW, soon))
        await until(has_no_work)
        await until(queue.is_empty)
        assert len(stub.rooms) == 1


async def test_a_worker_that_leaves_is_forgotten_and_what_it_had_is_sent_again(
    redis_url: str,
) -> None:
    async with (
        reaching("http://127.0.0.1:1") as livekit,
        looking(redis_url) as queue,
        sending(redis_url, LIVEKIT, livekit) as one,
    ):
        stream = stream_of(one)
        await stream.declare()
        number = await queue.put(LIVEKIT, data=b"something")
        delivery = await stream.next()
        assert delivery
        assert delivery.id == number
        await stream.leave()
        assert await queue.consumers(LIVEKIT) == []
        assert await queue.waiting(LIVEKIT) == 1


async def test_a_worker_that_was_killed_is_forgotten_but_not_what_it_had(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.stream.FORGOTTEN_AFTER", timedelta(0))
    async with (
        reaching("http://127.0.0.1:1") as livekit,
        looking(redis_url) as queue,
        sending(redis_url, LIVEKIT, livekit) as idle,
        sending(redis_url, LIVEKIT, livekit) as busy,
    ):
        for one in (idle, busy):
            await queue.put(LIVEKIT, data=b"something")
            await stream_of(one).declare()
            delivery = await stream_of(one).next()
            assert delivery
            if one is idle:
                await stream_of(one).done(delivery.id)
        async with working(redis_url, LIVEKIT, livekit):
            await until(lambda: is_forgotten(queue))
        (left,) = await queue.pending(LIVEKIT)
        assert await queue.consumers(LIVEKIT) == [left["consumer"]]


async def is_forgotten(queue: Queue) -> bool:
    return len(see(await queue.consumers(LIVEKIT))) == 1


async def test_a_worker_stops_although_its_read_does_not_hear_that_it_is_cancelled(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python 3.11's `wait_for`, which redis-py uses, swallows a cancellation beside an answer."""
    read, reads = JobStream.next, 0

    async def be_deaf(stream: JobStream) -> Delivery | None:
        nonlocal reads
        reads += 1
        with suppress(asyncio.CancelledError):
            return await read(stream)
        return None

    monkeypatch.setattr(JobStream, "next", be_deaf)
    async with reaching("http://127.0.0.1:1") as livekit:
        broker = StreamBroker(await server_at(redis_url), LIVEKIT)
        worker = Worker(broker, Jobs(broker, Rooms(livekit), clock.now))
        worker.start()
        await until(lambda: reads > 0)
        async with within(PATIENCE_S, "the worker stops"):
            await asyncio.shield(worker.stop(0.1))
        await broker.shutdown()
