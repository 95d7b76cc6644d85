"""Workers are killed in the middle of their work: another worker does it, and it is done once."""

import signal
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from datetime import timedelta

import asyncpg
import pytest

import clock
from domain.queue import LaneName
from domain.session import WorkKind
from models import ClockHeartbeat, DueWork, Session
from models.database import sql
from tasks.lane import WIDTH
from tests.conftest import Database
from tests.support import redis as redis_servers
from tests.support.command import configured, end_of, started
from tests.support.due_stories import STORIES, Story, told_to
from tests.support.livekit_stub import LiveKitStub
from tests.support.patience import see, until
from tests.support.private_sessions import ELEVEN, held, make_sessions
from tests.support.queued_work import work_left
from tests.support.queues import Queue, looking
from tests.support.ticking import stream, told

START_WITHIN_S = 60

pytestmark = pytest.mark.parametrize("template", ["postgres"], indirect=True)


@asynccontextmanager
async def worker(database: Database, redis_url: str, stub: LiveKitStub) -> AsyncIterator[Process]:
    """`python main.py worker`, once its clock beats."""
    env = configured(database.url, redis_url=redis_url) | {"HALAQA_LIVEKIT_API_URL": stub.url}
    before = clock.now()
    async with started("worker", env=env) as process:
        beats = ClockHeartbeat.filter(beat_at__gt=before)
        await until(beats.exists, "the worker's clock beats", within_s=START_WITHIN_S)
        yield process


async def kill(process: Process) -> None:
    process.kill()
    await process.wait()


async def run_out(queue: Queue) -> None:
    """Move all claims and deliveries so far into the past that they have expired."""
    await DueWork.all().update(claimed_until=None, begun=0)
    await queue.age()


def in_its_middle(
    story: Story, database: Database, stub: LiveKitStub
) -> AbstractAsyncContextManager[None]:
    return holding(stub, story.asks) if story.asks else held(database, story.session)


@asynccontextmanager
async def holding(stub: LiveKitStub, method: str) -> AsyncIterator[None]:
    """LiveKit does what it is asked, but its answer is held back."""
    stub.holding.add(method)
    yield
    stub.holding.remove(method)


@asynccontextmanager
async def at_its_end(database: Database) -> AsyncIterator[None]:
    """Hold the row of the work, so that it can be neither deleted nor changed at its end."""
    connection = await asyncpg.connect(database.url)
    try:
        async with connection.transaction():
            await connection.execute("SELECT id FROM due_work FOR UPDATE")
            yield
    finally:
        await connection.close()


async def is_started(story: Story, stub: LiveKitStub) -> bool:
    is_asked = story.asks is None or story.asks in see(stub.calls)
    begun = [work.begun for work in await DueWork.all()]
    return is_asked and 1 in see(begun)


ENDING = """
FROM pg_stat_activity WHERE datname = current_database()
AND wait_event_type = 'Lock' AND query LIKE '%due_work%'
"""
# PostgreSQL does not see that its client died, and would go on once it has the lock.
END = f"SELECT pg_terminate_backend(pid) {ENDING}"


async def is_ending() -> bool:
    return bool(see(await sql.query(f"SELECT pid {ENDING}")))


async def is_all_done() -> bool:
    return not see(await work_left(due_at__lte=clock.now()))


@pytest.mark.parametrize("kind", STORIES, ids=lambda kind: kind.value)
async def test_the_work_of_a_killed_worker_is_done_once_by_another(
    kind: WorkKind, database: Database, redis_url: str
) -> None:
    async with LiveKitStub() as stub, looking(redis_url) as queue:
        story = await told_to(stub, kind)
        async with (
            in_its_middle(story, database, stub),
            worker(database, redis_url, stub) as first,
        ):
            await until(lambda: is_started(story, stub))
            await kill(first)
        await run_out(queue)
        async with AsyncExitStack() as stack:
            async with in_its_middle(story, database, stub):
                second = await stack.enter_async_context(worker(database, redis_url, stub))
                await until(lambda: is_started(story, stub))
                await stack.enter_async_context(at_its_end(database))
            await until(is_ending)
            await kill(second)
            assert await sql.query(END)
        await run_out(queue)
        async with worker(database, redis_url, stub):
            await until(is_all_done)
            await until(queue.is_empty)
        assert await story.is_done()
        assert await queue.reasons() == []
        facts = [(event.kind, str(event.payload)) for event in await stream(story.session.id)]
        assert len(facts) == len(set(facts))


async def test_a_redis_that_was_killed_and_forgot_all_loses_nothing(database: Database) -> None:
    with redis_servers.private() as server:
        async with LiveKitStub() as stub, worker(database, server.url, stub) as process:
            async with holding(stub, "CreateRoom"):
                story = await told_to(stub, WorkKind.MAKE_ROOM)
                await until(lambda: is_started(story, stub))
                server.kill()
            await until(is_all_done)  # started work needs no Redis
            again = await told_to(stub, WorkKind.REMOVE_PERSON)
            assert await DueWork.filter(begun=0).exists()
            server.start()
            await until(is_all_done)
            assert await again.is_done()
            process.send_signal(signal.SIGTERM)
            assert (await end_of(process, "the worker")).code == 0
        assert await is_left_empty(server.url)


async def is_left_empty(url: str) -> bool:
    async with looking(url) as queue:
        gone = [await queue.consumers(lane) == [] for lane in LaneName]
        return await queue.is_empty() and all(gone) and await queue.reasons() == []


async def test_several_workers_do_each_thing_once_while_some_are_killed(
    database: Database, redis_url: str
) -> None:
    assert 2 * WIDTH < 50 <= 3 * WIDTH
    async with LiveKitStub() as stub, looking(redis_url) as queue, AsyncExitStack() as stack:
        sessions = await make_sessions(50, at=clock.now() + timedelta(minutes=5), now=ELEVEN)
        await DueWork.all().delete()
        async with holding(stub, "CreateRoom"):
            workers = [
                await stack.enter_async_context(worker(database, redis_url, stub)) for _ in range(3)
            ]
            # There is more work than two workers take, so each of the three has some.
            await until(lambda: len(stub.rooms) == len(sessions), within_s=START_WITHIN_S)
            for process in workers[:2]:
                await kill(process)
        await run_out(queue)
        await until(is_all_done)
        assert len(stub.rooms) == len(sessions)
        for session in sessions:
            assert (await told(session.id)).count("MEETING_CREATED") == 1
            assert (await Session.get(id=session.id)).room_ready_at


async def test_a_worker_that_is_told_to_stop_ends_what_it_does(
    database: Database, redis_url: str
) -> None:
    async with LiveKitStub() as stub, worker(database, redis_url, stub) as process:
        async with holding(stub, "CreateRoom"):
            story = await told_to(stub, WorkKind.MAKE_ROOM)
            await until(lambda: is_started(story, stub))
            process.send_signal(signal.SIGTERM)
        assert (await end_of(process, "the worker")).code == 0
        assert await story.is_done()
    assert await is_all_done()
    assert await is_left_empty(redis_url)
