"""The bell: tells every process that something changed. Losing it costs latency, never truth.

The only file that knows broadcaster; of broadcaster only its `BroadcastBackend` seam is used.
"""

import asyncio
import contextlib
import contextvars
import logging
import secrets
from collections.abc import Callable

from broadcaster import BroadcastBackend
from broadcaster import Event as Event  # for backends

import telemetry
from background import apart, cancel
from domain.system import Component
from gateways.hints import CHANNELS, Hint, Outbox, is_hint
from gateways.hints import CLOCK as CLOCK
from gateways.hints import SESSIONS as SESSIONS
from gateways.hints import VIEWERS as VIEWERS

logger = logging.getLogger("halaqa.bus")

Listener = Callable[[str], None]
OnGap = Callable[[], None]

GAP = "\0gap"  # no channel: what was said until now may not have been heard
TRY_AGAIN_S = 0.5


class Backend(BroadcastBackend):
    """What carries hints between processes: broadcaster's seam, and what a bus wants beyond it.

    `next_published` may give an Event on GAP. What fails there or here is tried again.
    """

    async def publish_all(self, hints: list[Hint]) -> None:
        for channel, message in hints:
            await self.publish(channel, message)

    @property
    def health(self) -> Component:
        return Component(True, type(self).__name__)


class Bus:
    """Rings channels and hands what is heard to listeners. Ringing never blocks, never fails.

    Who listens in this process is told at once, whatever becomes of the others. Without a backend
    there are no others.
    """

    def __init__(self, backend: Backend | None = None) -> None:
        self._backend = backend
        self._name = secrets.token_hex(8)
        self._listeners: dict[str, dict[Listener, OnGap | None]] = {
            channel: {} for channel in CHANNELS
        }
        self.outbox = Outbox()
        # A clean context: what is told inside a transaction would inherit its connection.
        self._clean = contextvars.Context()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def health(self) -> Component:
        here = Component(True, "in memory, in this process")
        return self._backend.health if self._backend else here

    async def open(self) -> None:
        """Returns whether or not the backend can be reached; it goes on trying."""
        self._loop = asyncio.get_running_loop()
        if self._backend is None:
            return
        await self._backend.connect()
        for channel in self._listeners:
            await self._backend.subscribe(channel)
        self._tasks = [apart(self._send(self._backend)), apart(self._hear_all())]

    async def close(self) -> None:
        self._loop = None
        await cancel(self._tasks)
        if self._backend is not None:
            with contextlib.suppress(Exception):
                await self._backend.disconnect()

    def listen(self, channel: str, listener: Listener, *, on_gap: OnGap | None = None) -> None:
        """`on_gap` is called when messages may have been missed. Neither may block."""
        self._listeners[channel][listener] = on_gap

    def unlisten(self, channel: str, listener: Listener) -> None:
        del self._listeners[channel][listener]

    def ring(self, channel: str, message: str = "") -> None:
        if self._loop is None:
            return
        self._loop.call_soon(self._tell, channel, message, context=self._clean)
        if self._backend is not None:
            self.outbox.put(channel, message)

    async def _send(self, backend: Backend) -> None:
        while True:
            hints = await self.outbox.take()
            signed = [(channel, f"{self._name} {message}") for channel, message in hints]
            try:
                await backend.publish_all(signed)
            except Exception:  # the backend's health says it
                self.outbox.put_back(hints)
                await asyncio.sleep(TRY_AGAIN_S)

    async def _hear_all(self) -> None:
        while True:
            try:
                await self._hear()
            except Exception:
                logger.exception("bell not heard")
                await asyncio.sleep(TRY_AGAIN_S)

    async def _hear(self) -> None:
        assert self._backend is not None  # noqa: S101
        event = await self._backend.next_published()
        if event.channel == GAP:
            self._tell_gap()
            return
        name, _, message = str(event.message).partition(" ")
        # Its own it has heard already; what is no hint is somebody else's message.
        if name != self._name and is_hint(event.channel, message):
            self._tell(event.channel, message)

    def _tell(self, channel: str, message: str) -> None:
        for listener in tuple(self._listeners[channel]):
            try:
                listener(message)
            except Exception:
                logger.exception("hint not taken", extra={"channel": channel})

    def _tell_gap(self) -> None:
        telemetry.count_bus_gap()
        told = [on_gap for some in self._listeners.values() for on_gap in some.values() if on_gap]
        for on_gap in told:
            try:
                on_gap()
            except Exception:
                logger.exception("gap not taken")


class _Ringer:
    """The process's bus, once it has one. Actions ring it without knowing which it is."""

    def __init__(self) -> None:
        self.bus: Bus | None = None

    def ring(self, channel: str, message: str = "") -> None:
        if self.bus is not None:
            self.bus.ring(channel, message)


bell = _Ringer()
