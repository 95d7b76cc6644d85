"""How an operation that watches a session starts: its right first, then the session's hub."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from domain.access import Audience
from subscriptions.hub import Hub
from subscriptions.right import Authorise, Right
from subscriptions.stream_services import Info


@dataclass(slots=True)
class Watch:
    """A session that is being watched. Call `right.confirm()` before anything is sent."""

    hub: Hub
    right: Right
    audience: Audience
    since: float | None  # when the watcher came, until they have a snapshot

    async def refreshed(self) -> Hub:
        """Refresh the hub for a snapshot. Yield it before anything else is awaited."""
        since, self.since = self.since, None
        await self.hub.refresh(time.monotonic() if since is None else since)
        await self.right.confirm()
        return self.hub


@asynccontextmanager
async def watching(info: Info, session_id: int, authorise: Authorise) -> AsyncIterator[Watch]:
    """Give the session to viewers whom `authorise` accepts; raises as it does."""
    services = info.context.services
    since = time.monotonic()
    async with services.watchers.holding(info.context, authorise) as right:
        audience = await right.start()
        async with services.hubs.watching(session_id) as hub:
            yield Watch(hub, right, audience, since)
