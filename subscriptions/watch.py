"""How an operation that watches a session begins: its right first, then the session's hub."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from domain.access import Audience
from subscriptions.hub import Hub
from subscriptions.process import Info
from subscriptions.right import Admit, Right


@dataclass(slots=True)
class Watch:
    """A session that is being watched: `right.confirm()` before anything is told of it."""

    hub: Hub
    right: Right
    audience: Audience
    since: float | None  # when who watches came, till they have a snapshot

    async def refreshed(self) -> Hub:
        """For a snapshot, which is to be yielded before anything else is waited for."""
        since, self.since = self.since, None
        await self.hub.refresh(time.monotonic() if since is None else since)
        await self.right.confirm()
        return self.hub


@asynccontextmanager
async def watching(info: Info, session_id: int, admit: Admit) -> AsyncIterator[Watch]:
    """The session, for whom `admit` lets in; refused as `admit` does."""
    process = info.context.services
    since = time.monotonic()
    async with process.watchers.holding(info.context, admit) as right:
        audience = await right.begin()
        async with process.hubs.watching(session_id) as hub:
            yield Watch(hub, right, audience, since)
