"""Reads whether the clock runs, anything is late, and webhooks arrive: nothing stops silently."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any, TypeVar

from actions.webhooks.rejections import rejections
from domain.errors import LiveKitUnavailableError
from domain.system import ClockStatus, Component, SystemState, WebhookStatus
from gateways.changes import bus_in_use
from gateways.livekit import LiveKit
from gateways.queue import queue
from gateways.single_flight import SingleFlight
from models.database.connection import dialect
from models.reading.clock_status import read_clock_status
from models.reading.webhook_status import HOUR, read_webhook_status

KEPT_S = 1.0
PATIENCE_S = 3.0

T = TypeVar("T")


class Readings:
    """Reads the state, once a second at most, however many ask. TimeoutError after 3 s."""

    def __init__(
        self, livekit: LiveKit, now: Callable[[], datetime], kept_s: float = KEPT_S
    ) -> None:
        self.now = now  # not the asker's: one request that came in slowly would speak for all
        self._livekit = livekit
        self._single_flight = SingleFlight(kept_s)

    async def state(self) -> SystemState:
        return await self._once("state", lambda: _read(self._livekit, self.now()))

    async def clock(self) -> ClockStatus:
        """Read the clock alone, without waiting for LiveKit and Redis."""
        return await self._once("clock", lambda: read_clock_status(self.now()))

    async def close(self) -> None:
        """Stop reading. Call it before the database and LiveKit are closed."""
        await self._single_flight.close()

    async def _once(self, what: str, ask: Callable[[], Coroutine[Any, Any, T]]) -> T:
        async with asyncio.timeout(PATIENCE_S):
            return await self._single_flight.ask(what, ask)


async def webhook_status(now: datetime) -> WebhookStatus:
    """Read whether webhooks arrive, with the rejections that only this process knows of yet."""
    return await read_webhook_status(now, await rejections.since(now - HOUR))


async def _read(livekit: LiveKit, now: datetime) -> SystemState:
    clock = await read_clock_status(now)
    webhooks = await webhook_status(now)
    task_queue, rooms = await asyncio.gather(queue.health(), _livekit(livekit))
    return SystemState(
        as_of=now,
        clock=clock,
        webhooks=webhooks,
        database=Component(True, dialect()),
        message_bus=bus_in_use().health,
        task_queue=task_queue,
        livekit=rooms,
    )


async def _livekit(livekit: LiveKit) -> Component:
    try:
        await livekit.ping()
    except LiveKitUnavailableError as error:
        return Component(False, error.message)
    return Component(True, "answers")
