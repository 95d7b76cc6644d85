"""Processes: the parts of a server, a worker and a clock, and the order they start in."""

import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator

import clock
from actions.clock.system_status import Readings
from actions.rooms.meeting_tokens import Venue
from actions.rooms.room_work import Rooms
from actions.webhooks import rejections
from background import cancel
from cli.parts import Beside
from gateways.bus import Bus
from gateways.changes import use_bus
from gateways.livekit import connected
from gateways.queue import queue
from gateways.redis_bus import RedisBus
from gateways.redis_server import RedisServer
from models.database.connection import close_database, open_database
from models.database.installation import installation
from settings import Settings
from subscriptions.hubs import Hubs
from subscriptions.stream_services import StreamServices
from subscriptions.system_watch import SystemWatch
from subscriptions.watchers import Watchers
from tasks import door
from tasks.clock import Clock

# Each socket makes hundreds of objects that stay. With Python's own thresholds all that are there
# are looked through again and again while people arrive.
COLLECTOR_THRESHOLDS = (10_000, 20, 10)


def tune_collector() -> None:
    """Look seldom through what stays, and never again through what is there by now."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECTOR_THRESHOLDS)


@contextlib.asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[StreamServices]:
    """Run the parts of a server: start them in order, stop them in the reverse."""
    async with contextlib.AsyncExitStack() as stack:
        await open_database(settings.database_url)
        stack.push_async_callback(close_database)
        await stack.enter_async_context(rejections.writing_down(clock.now))
        redis = await _redis(settings)
        bus = await stack.enter_async_context(publishing(redis))
        livekit = await stack.enter_async_context(connected(settings))
        hubs = Hubs(bus)
        await hubs.open()
        stack.push_async_callback(hubs.close)
        watchers = Watchers(bus)
        await watchers.open()
        stack.push_async_callback(watchers.close)
        await stack.enter_async_context(counting_jobs(redis))
        readings = Readings(livekit, clock.now)
        stack.push_async_callback(readings.close)
        watch = SystemWatch(readings.state)
        stack.push_async_callback(watch.close)
        await stack.enter_async_context(door.beating(clock.now))
        if redis is None:  # else the workers run the clock
            await stack.enter_async_context(sweeping(Clock(Rooms(livekit), bus)))
        yield StreamServices(Venue(livekit, settings), readings, hubs, watch, watchers)


async def _redis(settings: Settings) -> RedisServer | None:
    """Return the Redis of the settings, under names that only this installation uses."""
    if settings.redis_url is None:
        return None
    return RedisServer.of(settings.redis_url, await installation())


@contextlib.asynccontextmanager
async def publishing(redis: RedisServer | None) -> AsyncIterator[Bus]:
    """Open the bus that the process publishes on. It does not wait for a Redis."""
    bus = Bus(RedisBus(redis) if redis else None)
    await bus.open()
    use_bus(bus)
    try:
        yield bus
    finally:
        use_bus(None)
        await bus.close()


@contextlib.asynccontextmanager
async def alongside(beside: Beside | None) -> AsyncIterator[None]:
    """Run `beside`, as the demo's simulation, as long as the server runs."""
    task = asyncio.ensure_future(beside()) if beside else None
    try:
        yield
    finally:
        if task:
            await cancel([task])


@contextlib.asynccontextmanager
async def ticking(settings: Settings, *, is_worker: bool = False) -> AsyncIterator[None]:
    """Run the clock without a server; with Redis its work is done by workers."""
    async with contextlib.AsyncExitStack() as stack:
        await open_database(settings.database_url)
        stack.push_async_callback(close_database)
        redis = await _redis(settings)
        bus = await stack.enter_async_context(publishing(redis))
        livekit = await stack.enter_async_context(connected(settings))
        one = Clock(Rooms(livekit), bus, redis=redis, is_worker=is_worker)
        await stack.enter_async_context(sweeping(one))
        yield


def working(settings: Settings) -> contextlib.AbstractAsyncContextManager[None]:
    """Run a worker: a clock, and its share of the work that any clock sends."""
    return ticking(settings, is_worker=True)


@contextlib.asynccontextmanager
async def sweeping(one: Clock) -> AsyncIterator[None]:
    await one.start()
    try:
        yield
    finally:
        await one.stop()


@contextlib.asynccontextmanager
async def counting_jobs(redis: RedisServer | None) -> AsyncIterator[None]:
    """Let the process count the jobs of the queue, if there is a Redis."""
    if redis is not None:
        queue.open(redis)
    try:
        yield
    finally:
        await queue.close()
