"""The watched sessions of this process: a hub each, told of changes by the bus or the backstop."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import islice

import telemetry
from background import Tasks
from gateways.bus import Bus
from gateways.changes import SESSIONS, listen_for_versions
from models.database import sql
from models.database.together import BATCH_MAX, PATIENCE_S
from subscriptions.backstop import BACKSTOP_S, Backstop
from subscriptions.hub import RING_MAX_EVENTS, Hub, catch_up

logger = logging.getLogger("halaqa.hubs")


class Hubs:
    """Keeps a hub for each session that somebody watches here, from the first to the last."""

    def __init__(
        self, bus: Bus, backstop_s: float = BACKSTOP_S, *, ring: int = RING_MAX_EVENTS
    ) -> None:
        self._bus = bus
        self._ring = ring
        self._hubs: dict[int, Hub] = {}
        self._behind: dict[int, Hub] = {}  # in the order in which they were heard of
        self._alone: set[int] = set()  # those of which a reading waits for another one's end
        self._filling: asyncio.Task[None] | None = None
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
                self._hear(session_id, hub.heard)  # while it was read
            yield hub
        finally:
            hub.watchers -= 1
            if not hub.watchers:
                del self._hubs[session_id]
                telemetry.watching_ended()

    def _hear(self, session_id: int, version: int) -> None:
        hub = self._hubs.get(session_id)
        if hub is not None and hub.hear(version):
            self._behind[session_id] = hub
            if self._filling is None or self._filling.done():
                self._filling = self._tasks.start(self._fill())

    async def _fill(self) -> None:
        """Fill those that are behind, many in a few statements; each alone where that fails."""
        while self._behind:
            numbers = list(islice(self._behind, BATCH_MAX))
            hubs = [self._behind.pop(number) for number in numbers]
            alone = [hub for hub in hubs if hub.readers]  # others need not wait for them
            try:
                async with asyncio.timeout(PATIENCE_S):
                    await catch_up([hub for hub in hubs if not hub.readers])
            except Exception:
                alone = hubs
            for hub in alone:
                if hub.session_id not in self._alone:
                    self._alone.add(hub.session_id)
                    self._tasks.start(self._fill_alone(hub))

    async def _fill_alone(self, hub: Hub) -> None:
        """Fill one; the backstop retries what fails."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                async with hub.reading:
                    self._alone.discard(hub.session_id)  # what is heard from here on is for another
                await catch_up([hub])
        except Exception:
            logger.warning("hub not filled", exc_info=True, extra={"session": hub.session_id})
        finally:
            self._alone.discard(hub.session_id)

    async def close_gaps(self) -> None:
        """Fill the hubs that are behind; found in a few statements."""
        for some in sql.batches(list(self._hubs)):
            statement = f"SELECT id, version FROM sessions WHERE id IN ({sql.places(len(some))})"
            for row in await sql.query(statement, *some):
                self._hear(row["id"], row["version"])
