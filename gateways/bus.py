"""The bell: tells every process that something changed. Losing it costs latency, never truth.

The only file that knows broadcaster; of broadcaster only its `BroadcastBackend` seam is used.
"""

import asyncio
import contextlib
import contextvars
import logging
from collections.abc import Callable

from broadcaster import BroadcastBackend
from broadcaster._backends.memory import MemoryBackend

logger = logging.getLogger("halaqa.bus")

Listener = Callable[[str], None]

SESSIONS = "sessions"  # "12:7": session 12 is at version 7
CLOCK = "clock"  # a moment in ISO 8601: something is newly due then
VIEWERS = "viewers"  # "7": person 7 may have lost a right


class Bus:
    """Rings channels and hands what is heard to listeners. Ringing never blocks, never fails."""

    def __init__(self, backend: BroadcastBackend | None = None) -> None:
        self._backend = backend or MemoryBackend("memory://")
        self._listeners: dict[str, list[Listener]] = {SESSIONS: [], CLOCK: [], VIEWERS: []}
        self._outbox: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self) -> None:
        await self._backend.connect()
        for channel in self._listeners:
            await self._backend.subscribe(channel)
        # A clean context: a task born inside a transaction would inherit its connection.
        clean = contextvars.Context()
        loop = asyncio.get_running_loop()
        self._tasks = [
            loop.create_task(self._send(), context=clean),
            loop.create_task(self._hear(), context=clean.copy()),
        ]

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with contextlib.suppress(Exception):
            await self._backend.disconnect()

    def listen(self, channel: str, listener: Listener) -> None:
        self._listeners[channel].append(listener)

    def unlisten(self, channel: str, listener: Listener) -> None:
        self._listeners[channel].remove(listener)

    def ring(self, channel: str, message: str = "") -> None:
        self._outbox.put_nowait((channel, message))

    async def _send(self) -> None:
        while True:
            channel, message = await self._outbox.get()
            try:
                await self._backend.publish(channel, message)
            except Exception:
                logger.warning("bell not rung", exc_info=True, extra={"channel": channel})

    async def _hear(self) -> None:
        while True:
            event = await self._backend.next_published()
            for listener in self._listeners.get(event.channel, ()):
                listener(event.message)


class _Ringer:
    """The process's bus, once it has one. Actions ring it without knowing which it is."""

    def __init__(self) -> None:
        self.bus: Bus | None = None

    def ring(self, channel: str, message: str = "") -> None:
        if self.bus is not None:
            self.bus.ring(channel, message)


bell = _Ringer()
