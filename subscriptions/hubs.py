"""The watched sessions of this process: a hub each, rung by the bell, with a backstop behind it."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import telemetry
from gateways.bus import SESSIONS, Bus
from models.database import sql
from subscriptions.backstop import BACKSTOP_S, Backstop
from subscriptions.hub import RING, Hub

logger = logging.getLogger("halaqa.hubs")


class Hubs(Backstop):
    channel = SESSIONS

    def __init__(self, bus: Bus, backstop_s: float = BACKSTOP_S, *, ring: int = RING) -> None:
        super().__init__(bus, backstop_s)
        self._ring = ring
        self._hubs: dict[int, Hub] = {}
        self._watchers: dict[int, int] = {}
        self._heard: dict[int, int] = {}  # the newest version a watched session was told to have
        self._asked: dict[Hub, int] = {}  # the newest version a hub was asked to have
        self._filling: set[Hub] = set()
        self._opening: dict[int, asyncio.Lock] = {}

    @property
    def watched(self) -> dict[int, int]:
        """How many watch each session."""
        return dict(self._watchers)

    @asynccontextmanager
    async def watching(self, session_id: int) -> AsyncIterator[Hub]:
        """The session's hub, opened for the first watcher and dropped with the last.

        Who watches is heard before the hub reads: nothing falls between.
        """
        self._enter(session_id)
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

    def _enter(self, session_id: int) -> None:
        if session_id not in self._watchers:
            telemetry.watching_started()
        self._watchers[session_id] = self._watchers.get(session_id, 0) + 1

    def _leave(self, session_id: int) -> None:
        self._watchers[session_id] -= 1
        if not self._watchers[session_id]:
            telemetry.watching_ended()
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
            self._ask(hub, version)

    def _ask(self, hub: Hub, version: int) -> None:
        """Have it filled, once for all who ask meanwhile."""
        self._asked[hub] = max(version, self._asked.get(hub, 0))
        if hub not in self._filling:
            self._filling.add(hub)
            self._start(self._fill(hub))

    async def _fill(self, hub: Hub) -> None:
        try:
            # Asked once, looked once: whoever promises a version that is not there costs one look.
            while hub.version < self._asked.pop(hub, 0):
                await self._catch_up(hub)
        finally:
            self._filling.discard(hub)
            self._asked.pop(hub, None)

    async def _catch_up(self, hub: Hub) -> None:
        try:
            await hub.catch_up()
        except Exception:  # the backstop asks again
            logger.warning("hub not filled", exc_info=True, extra={"session": hub.session.id})

    async def close_gaps(self) -> None:
        """A statement or a few: is a watched session ahead of its hub?"""
        for some in sql.batches(list(self._hubs)):
            statement = f"SELECT id, version FROM sessions WHERE id IN ({sql.places(len(some))})"
            for row in await sql.query(statement, *some):
                hub = self._hubs.get(row["id"])
                if hub is not None and hub.version < row["version"]:
                    await self._catch_up(hub)
