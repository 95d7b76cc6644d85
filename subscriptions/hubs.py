"""The watched sessions of this process: a hub each, rung by the bell, with a backstop behind it."""

import asyncio
import contextvars
import logging
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any

from gateways.bus import SESSIONS, Bus
from models import sql
from subscriptions.hub import RING, Hub

logger = logging.getLogger("halaqa.hubs")

BACKSTOP_S = 3.0


class Hubs:
    def __init__(self, bus: Bus, backstop_s: float = BACKSTOP_S, *, ring: int = RING) -> None:
        self._bus = bus
        self._backstop_s = backstop_s
        self._ring = ring
        self._hubs: dict[int, Hub] = {}
        self._watchers: dict[int, int] = {}
        self._heard: dict[int, int] = {}  # the newest version a watched session was told to have
        self._opening: dict[int, asyncio.Lock] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def watched(self) -> dict[int, int]:
        """How many watch each session."""
        return dict(self._watchers)

    async def open(self) -> None:
        self._bus.listen(SESSIONS, self._hear)
        self._start(self._watch_for_gaps())

    async def close(self) -> None:
        self._bus.unlisten(SESSIONS, self._hear)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @asynccontextmanager
    async def watching(self, session_id: int) -> AsyncIterator[Hub]:
        """The session's hub, opened for the first watcher and dropped with the last.

        Who watches is heard before the hub reads: nothing falls between.
        """
        self._watchers[session_id] = self._watchers.get(session_id, 0) + 1
        try:
            async with self._opening.setdefault(session_id, asyncio.Lock()):
                if session_id not in self._hubs:
                    await self._open(session_id)
            yield self._hubs[session_id]
        finally:
            self._leave(session_id)

    async def _open(self, session_id: int) -> None:
        hub = self._hubs[session_id] = await Hub.open(session_id, self._ring)
        if hub.version < self._heard.get(session_id, 0):
            await self._catch_up(hub)

    def _leave(self, session_id: int) -> None:
        self._watchers[session_id] -= 1
        if not self._watchers[session_id]:
            del self._watchers[session_id]
            self._hubs.pop(session_id, None)
            self._opening.pop(session_id, None)
            self._heard.pop(session_id, None)

    def _hear(self, hint: str) -> None:
        session_id, version = (int(number) for number in hint.split(":"))
        if session_id not in self._watchers:
            return
        self._heard[session_id] = max(version, self._heard.get(session_id, 0))
        hub = self._hubs.get(session_id)
        if hub is not None and hub.version < version:
            self._start(self._catch_up(hub))

    async def _catch_up(self, hub: Hub) -> None:
        try:
            await hub.catch_up()
        except Exception:  # the backstop asks again
            logger.warning("hub not filled", exc_info=True, extra={"session": hub.session.id})

    async def _watch_for_gaps(self) -> None:
        """One statement now and then: is a watched session ahead of its hub?"""
        while True:
            await asyncio.sleep(self._backstop_s)
            with suppress(Exception):
                await self.close_gaps()

    async def close_gaps(self) -> None:
        if not self._hubs:
            return
        watched = list(self._hubs)
        statement = f"SELECT id, version FROM sessions WHERE id IN ({sql.places(len(watched))})"
        for row in await sql.query(statement, *watched):
            hub = self._hubs.get(row["id"])
            if hub is not None and hub.version < row["version"]:
                await self._catch_up(hub)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        # A clean context: nothing of whoever happened to cause it is inherited.
        loop = asyncio.get_running_loop()
        task = loop.create_task(work, context=contextvars.Context())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
