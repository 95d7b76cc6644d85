"""The watched sessions of this process: a hub each, told of changes by the bus or the backstop."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import telemetry
from background import Tasks
from gateways.bus import Bus
from gateways.changes import SESSIONS, listen_for_versions
from models.database import sql
from subscriptions.backstop import BACKSTOP_S, Backstop
from subscriptions.hub import RING_MAX_EVENTS, Hub


class Hubs:
    """Keeps a hub for each session that somebody watches here, from the first to the last."""

    def __init__(
        self, bus: Bus, backstop_s: float = BACKSTOP_S, *, ring: int = RING_MAX_EVENTS
    ) -> None:
        self._bus = bus
        self._ring = ring
        self._hubs: dict[int, Hub] = {}
        self._tasks = Tasks()
        self._backstop = Backstop(SESSIONS, backstop_s, self.close_gaps)

    @property
    def watched(self) -> dict[int, int]:
        """How many watch each session."""
        return {session_id: hub.watchers for session_id, hub in self._hubs.items()}

    async def open(self) -> None:
        listening = listen_for_versions(self._bus, self._hear, on_gap=self._backstop.hurry)
        self._backstop.start(listening)

    async def close(self) -> None:
        await self._backstop.stop()
        await self._tasks.cancel()

    @asynccontextmanager
    async def watching(self, session_id: int) -> AsyncIterator[Hub]:
        """Give the session's hub, read for the first watcher and dropped with the last.

        It hears of new versions before it is read: no change is lost.
        """
        hub = self._hubs.get(session_id)
        if hub is None:
            hub = self._hubs[session_id] = Hub(session_id, self._ring)
            telemetry.watching_started()
        hub.watchers += 1
        try:
            if not hub.is_open:
                await hub.open()
            yield hub
        finally:
            hub.watchers -= 1
            if not hub.watchers:
                del self._hubs[session_id]
                telemetry.watching_ended()

    def _hear(self, session_id: int, version: int) -> None:
        if hub := self._hubs.get(session_id):
            self._tasks.start(hub.hear(version))

    async def close_gaps(self) -> None:
        """Fill the hubs that are behind, one after the other; found in a few statements.

        A reading that hangs is ended by the backstop's timeout, and tried again.
        """
        for some in sql.batches(list(self._hubs)):
            statement = f"SELECT id, version FROM sessions WHERE id IN ({sql.places(len(some))})"
            for row in await sql.query(statement, *some):
                hub = self._hubs.get(row["id"])
                if hub is not None and hub.is_open:
                    await hub.hear(row["version"])
