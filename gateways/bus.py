"""The bus carries changes from a process to all others. gateways/changes.py says which and whose.

The only file that knows broadcaster; of broadcaster only its `BroadcastBackend` seam is used.
"""

import asyncio
import contextlib
import contextvars
import logging
import secrets
from collections.abc import Callable
from functools import partial

from broadcaster import BroadcastBackend
from broadcaster import Event as Event  # for backends

import telemetry
from background import apart, cancel
from domain.system import Component
from gateways.hints import CHANNELS, Hint, Outbox, is_hint

logger = logging.getLogger("halaqa.bus")

Listener = Callable[[str], None]
OnGap = Callable[[], None]

GAP = "\0gap"  # no channel: messages may have been missed until now
RETRY_AFTER_S = 0.5


class Backend(BroadcastBackend):
    """Carries hints between processes: broadcaster's seam, and what a bus wants beyond it.

    `next_published` may return an Event on GAP. The bus retries what fails there or here.
    """

    async def publish_all(self, hints: list[Hint]) -> None:
        for channel, message in hints:
            await self.publish(channel, message)

    @property
    def health(self) -> Component:
        return Component(True, type(self).__name__)


class Bus:
    """Publishes on channels and hands what it receives to listeners. Publishing never blocks.

    The listeners of this process are called at once, even while the other processes cannot be
    reached. Without a backend there are no other processes.
    """

    def __init__(self, backend: Backend | None = None) -> None:
        self._backend = backend
        self._name = secrets.token_hex(8)
        self._listeners: dict[str, dict[Listener, OnGap | None]] = {
            channel: {} for channel in CHANNELS
        }
        self.outbox = Outbox()
        # A clean context: a listener called inside a transaction would inherit its connection.
        self._clean = contextvars.Context()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def health(self) -> Component:
        if self._loop is None:
            return Component(False, "not started")
        here = Component(True, "in memory, in this process")
        return self._backend.health if self._backend else here

    async def open(self) -> None:
        """Return whether or not the backend can be reached; the bus keeps trying."""
        self._loop = asyncio.get_running_loop()
        if self._backend is None:
            return
        await self._backend.connect()
        for channel in self._listeners:
            await self._backend.subscribe(channel)
        self._tasks = [apart(self._send(self._backend)), apart(self._receive(self._backend))]

    async def close(self) -> None:
        self._loop = None
        await cancel(self._tasks)
        if self._backend is not None:
            with contextlib.suppress(Exception):
                await self._backend.disconnect()

    def listen(
        self, channel: str, listener: Listener, *, on_gap: OnGap | None = None
    ) -> Callable[[], None]:
        """Call `listener` with each message, and `on_gap` when some may have been missed.

        Neither may block. Calling what this returns ends it.
        """
        self._listeners[channel][listener] = on_gap
        return partial(self._listeners[channel].__delitem__, listener)

    def publish(self, channel: str, message: str) -> None:
        if self._loop is None:
            return
        self._loop.call_soon(self._deliver, channel, message, context=self._clean)
        if self._backend is not None:
            self.outbox.put(channel, message)

    async def _send(self, backend: Backend) -> None:
        while True:
            hints = await self.outbox.take()
            signed = [(channel, f"{self._name} {message}") for channel, message in hints]
            try:
                await backend.publish_all(signed)
            except Exception:  # the backend's health reports it
                self.outbox.put_back(hints)
                await asyncio.sleep(RETRY_AFTER_S)

    async def _receive(self, backend: Backend) -> None:
        while True:
            try:
                event = await backend.next_published()
                if event.channel == GAP:
                    self._deliver_gap()
                    continue
                name, _, message = str(event.message).partition(" ")
                # Its own messages are delivered already; other texts are somebody else's.
                if name != self._name and is_hint(event.channel, message):
                    self._deliver(event.channel, message)
            except Exception:
                logger.exception("bus not heard")
                await asyncio.sleep(RETRY_AFTER_S)

    def _deliver(self, channel: str, message: str) -> None:
        for listener in tuple(self._listeners[channel]):
            try:
                listener(message)
            except Exception:
                logger.exception("hint not taken", extra={"channel": channel})

    def _deliver_gap(self) -> None:
        telemetry.count_bus_gap()
        told = [on_gap for some in self._listeners.values() for on_gap in some.values() if on_gap]
        for on_gap in told:
            try:
                on_gap()
            except Exception:
                logger.exception("gap not taken")
