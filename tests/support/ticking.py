"""A running clock, and the streams of its sessions."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime

import clock
from actions.clock.heartbeat import beat
from actions.rooms.room_work import Rooms
from background import apart, cancel
from gateways.bus import Bus
from gateways.changes import use_bus
from gateways.livekit import LiveKit
from models import Session, SessionEvent
from tasks.clock import Clock
from tests.support.livekit_stub import LiveKitStub
from tests.support.queues import server_at
from tests.support.webhooks import KEY, SECRET


@asynccontextmanager
async def reaching(url: str, *, key: str = KEY, secret: str = SECRET) -> AsyncIterator[LiveKit]:
    """LiveKit as our gateway calls it; its connections are closed at the end."""
    livekit = LiveKit(url, key, secret)
    try:
        yield livekit
    finally:
        await livekit.aclose()


@asynccontextmanager
async def ticking(
    livekit: LiveKit,
    now: Callable[[], datetime] = clock.now,
    name: str | None = None,
    *,
    redis_url: str | None = None,
    is_worker: bool = False,
) -> AsyncIterator[Clock]:
    """A running clock on a bus that actions publish to."""
    redis = await server_at(redis_url) if redis_url else None
    bus = Bus()
    await bus.open()
    use_bus(bus)
    running = Clock(Rooms(livekit), bus, name=name, now=now, redis=redis, is_worker=is_worker)
    await running.start()
    try:
        yield running
    finally:
        await running.stop()
        use_bus(None)
        await bus.close()


@asynccontextmanager
async def beating(name: str) -> AsyncIterator[None]:
    """The heartbeat of a clock that does nothing else."""

    async def keep_beating() -> None:
        while True:
            await beat(name, clock.now())
            await asyncio.sleep(1)

    await beat(name, clock.now())
    task = apart(keep_beating())
    try:
        yield
    finally:
        await cancel([task])


@asynccontextmanager
async def ticking_with_stub(
    now: Callable[[], datetime] = clock.now,
) -> AsyncIterator[tuple[Clock, LiveKitStub]]:
    async with LiveKitStub() as stub, reaching(stub.url) as livekit, ticking(livekit, now) as it:
        yield it, stub


async def stream(session_id: int) -> list[SessionEvent]:
    """The session's events in order; its version is their number, without a hole."""
    events = await SessionEvent.filter(session_id=session_id).order_by("sequence")
    session = await Session.get(id=session_id)
    assert [event.sequence for event in events] == list(range(1, session.version + 1))
    return events


async def told(session_id: int) -> list[str]:
    """The stream in words: the statuses of the session, and the other kinds by name."""
    return [event.payload.get("to", event.kind.value) for event in await stream(session_id)]
