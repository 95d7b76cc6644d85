"""Starts an operation that watches a session: its right first, then the session's hub."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from domain.access import Audience
from execution.context import Context
from execution.sharing import Renderer
from subscriptions.crowds import Stream, Ticket
from subscriptions.hub import Hub, catch_up
from subscriptions.right import Right
from subscriptions.session_access import SessionAccess
from subscriptions.stream_services import StreamServices
from subscriptions.transport import Outlet


@dataclass(slots=True)
class Watch:
    """A session that is being watched. Call `right.confirm()` before anything is sent."""

    hub: Hub
    right: Right
    audience: Audience
    since: float | None  # when the watcher came, until they have a snapshot
    ticket: Ticket | None

    async def refresh(self) -> None:
        """Refresh the hub for a snapshot. Yield that before anything else is awaited."""
        since, self.since = self.since, None
        await self.hub.refresh(time.monotonic() if since is None else since)
        await self.right.confirm()

    async def wait(self, stream: Stream, position: int) -> int:
        """Wait for news after a position; return the position to go on from.

        Nothing may have been awaited since the right was confirmed.
        """
        ticket = self.ticket
        if ticket is None or not ticket.outlet.channel.is_free:
            await self.hub.wait_for_change(position, self.right.lost, stream.user_id)
            return position
        return await self.hub.crowds.join(stream, ticket, self.right).wait()


@asynccontextmanager
async def watching(
    context: Context[StreamServices], renderer: Renderer | None, access: SessionAccess
) -> AsyncIterator[Watch]:
    """Give the session to viewers who have this access; raises as it does.

    With a renderer, and a socket of ours, they may stand in crowds.
    """
    services = context.services
    since = time.monotonic()
    async with services.watchers.holding(context, access) as right:
        audience = await right.start()
        async with services.hubs.watching(access.session_id) as hub:
            if access.row_of is not None and hub.row_of(access.row_of) is None:
                await catch_up([hub])  # the row is newer than the last version the hub heard of
            outlet, ticket = context.outlet, None
            if renderer is not None and isinstance(outlet, Outlet):
                ticket = Ticket(outlet, (audience, renderer), renderer.render)
            yield Watch(hub, right, audience, since, ticket)
