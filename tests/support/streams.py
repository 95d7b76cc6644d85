"""Subscriptions without a socket: the schema's own streams, and a client that keeps the rule."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    aclosing,
    asynccontextmanager,
)
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast

from graphql import parse
from strawberry.types import ExecutionResult

from api import build_schema
from execution.compiled_streams import WrittenResult
from execution.context import Context, ReadViewer
from gateways.bus import Bus
from gateways.changes import use_bus
from models import User
from schema.types.ids import Kind, encode
from subscriptions.hubs import Hubs
from subscriptions.stream_services import StreamServices
from subscriptions.watchers import Watchers
from tests.support import make
from tests.support.classrooms import Classroom
from tests.support.patience import PATIENCE_S, within

PRESENCE = """
subscription Presence($id: ID!, $after: String) {
  sessionPresence(sessionId: $id, after: $after) {
    __typename cursor version asOf
    ... on PresenceSnapshot {
      session { id status } attendances { ...Row } statistics { inMeeting }
    }
    ... on PresenceChanges {
      fromVersion changes { ...Row } removedIds statistics { inMeeting participants }
    }
  }
}
fragment Row on Attendance {
  id presence role isExpected joinCount leaveCount status isFinal user { displayName }
}
"""

EVENTS = """
subscription Events($id: ID!, $after: String) {
  sessionEvents(sessionId: $id, after: $after) {
    __typename sequence cursor
    ... on SessionSnapshot { session { status version } }
    ... on StatusChanged { from to cause }
    ... on PresenceChanged { attendance { presence user { displayName } } }
  }
}
"""

ROW = """
subscription Row($id: ID!, $user: ID!, $after: String) {
  attendance(sessionId: $id, userId: $user, after: $after) {
    cursor version attendance { id presence joinCount isFinal status isBarred user { displayName } }
  }
}
"""

SCHEMA = build_schema()

Event = dict[str, Any]


@dataclass
class Streams:
    """One process's subscriptions, at a time that the test says."""

    hubs: Hubs
    watchers: Watchers
    now: datetime

    def stream(self, query: str, viewer: User | None, **variables: Any) -> "Opening":
        return self.stream_for(viewer, None, query, variables)

    @asynccontextmanager
    async def stream_for(
        self, viewer: User | None, ask: ReadViewer | None, query: str, variables: dict[str, Any]
    ) -> AsyncIterator["Stream"]:
        """`ask` gives the present viewer; without it the viewer never changes."""
        none = cast(Any, None)  # no stream of a session needs these
        process = StreamServices(none, none, self.hubs, none, self.watchers)
        context = Context(process, make.viewer(viewer) if viewer else None, self.now, ask)
        SCHEMA._known.add(query, parse(query))  # as if others watched already: it is compiled
        results = await SCHEMA.stream(query, variables, context)
        async with aclosing(cast(Any, results)) as opened:
            stream = Stream(opened)
            yield stream
            await stream.stop()

    def presence(self, session_id: int, viewer: User, after: str | None = None) -> "Opening":
        variables = {"id": encode(Kind.SESSION, session_id), "after": after}
        return self.stream(PRESENCE, viewer, **variables)

    @asynccontextmanager
    async def rosters(self, classrooms: Sequence[Classroom]) -> AsyncIterator[list["Stream"]]:
        """The teachers' streams of several classes, after their snapshots."""
        async with AsyncExitStack() as stack:
            watched = [
                await stack.enter_async_context(self.presence(one.session.id, one.teacher))
                for one in classrooms
            ]
            for stream in watched:
                await stream.next()
            yield watched

    def events(self, session_id: int, viewer: User, after: str | None = None) -> "Opening":
        variables = {"id": encode(Kind.SESSION, session_id), "after": after}
        return self.stream(EVENTS, viewer, **variables)

    def row(self, session_id: int, of: User, viewer: User, after: str | None = None) -> "Opening":
        ids = {"id": encode(Kind.SESSION, session_id), "user": encode(Kind.USER, of.id)}
        return self.stream(ROW, viewer, **ids, after=after)


class Stream:
    def __init__(self, results: AsyncIterator[ExecutionResult]) -> None:
        self._results = results
        self._coming: asyncio.Task[ExecutionResult] | None = None

    async def next(self) -> Event:
        """The next event, the one field of its data."""
        (event,) = (await self.data()).values()
        return dict(event)

    async def presences(self) -> list[str]:
        """The presence of each row that the next event of a roster changes."""
        return [row["presence"] for row in (await self.next())["changes"]]

    async def data(self) -> Event:
        """All of the next event's data."""
        result = await self._take("an event")
        assert not result.errors, result.errors
        assert result.data is not None
        return result.data

    async def shared(self) -> object:
        """The object that is the same for all who share the next event."""
        result = await self._take("an event")
        assert not result.errors, result.errors
        return result.text if isinstance(result, WrittenResult) else result.data

    async def refusal(self) -> str:
        result = await self._take("a refusal")
        assert result.errors, result
        return str((result.errors[0].extensions or {})["code"])

    async def is_silent(self, for_s: float = 0.05) -> bool:
        """True if nothing comes for a moment; a later event is not lost."""
        if self._coming is None:
            self._coming = asyncio.ensure_future(anext(self._results))
        done, _ = await asyncio.wait({self._coming}, timeout=for_s)
        return not done

    async def is_over(self) -> bool:
        try:
            await self._take("the end")
        except StopAsyncIteration:
            return True
        return False

    async def stop(self) -> None:
        if self._coming is not None:
            self._coming.cancel()
            await asyncio.gather(self._coming, return_exceptions=True)

    async def _take(self, what: str) -> ExecutionResult:
        coming, self._coming = self._coming, None
        async with within(PATIENCE_S, f"{what} on the stream"):
            return await (coming or anext(self._results))


Opening = AbstractAsyncContextManager[Stream]


@asynccontextmanager
async def streaming(
    now: datetime,
    *,
    is_told: bool = True,
    backstop_s: float = 60,
    ring: int | None = None,
    bus: Bus | None = None,
) -> AsyncIterator[Streams]:
    """Hubs on a bus of their own; unless `is_told`, no hint reaches them."""
    bus = bus or Bus()
    await bus.open()
    hubs = Hubs(bus, backstop_s) if ring is None else Hubs(bus, backstop_s, ring=ring)
    await hubs.open()
    watchers = Watchers(bus, backstop_s, now=lambda: now)
    await watchers.open()
    use_bus(bus if is_told else None)
    try:
        yield Streams(hubs, watchers, now)
    finally:
        use_bus(None)
        await watchers.close()
        await hubs.close()
        await bus.close()


@dataclass
class Dashboard:
    """A client that keeps the contract's rule; `gaps` counts its new subscriptions."""

    version: int = -1
    cursor: str | None = None
    roster: dict[str, Event] = field(default_factory=dict)
    gaps: int = 0

    def take(self, event: Event) -> bool:
        """True if the client can go on; False if it must subscribe again from its own cursor."""
        if event["__typename"] == "PresenceSnapshot":
            self.roster = {row["id"]: row for row in event["attendances"]}
        elif event["fromVersion"] > self.version:
            self.gaps += 1
            return False
        elif event["version"] <= self.version:
            return True
        else:
            self.roster |= {row["id"]: row for row in event["changes"]}
            for gone in event["removedIds"]:
                self.roster.pop(gone, None)
        self.version, self.cursor = event["version"], event["cursor"]
        return True
