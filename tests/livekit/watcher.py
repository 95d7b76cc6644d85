"""A dashboard: it keeps a roster from `sessionPresence` by the contract's rule for clients."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from tests.livekit import measured
from tests.livekit.deliveries import Deliveries
from tests.livekit.door import Person

PROTOCOL = Subprotocol("graphql-transport-ws")
SEES_WITHIN_S = 30.0
AGAIN_AFTER_S = 0.1

# `lateBySeconds` and `asOf` are left out: they change while nothing happens.
PRESENCE = """
fragment Row on Attendance {
  id role isExpected isFinal presence status joinedSince firstJoinedAt lastLeftAt joinCount
  leaveCount confidence totalSeconds percentage calculatedAt
  user { databaseId displayName }
  cycles { joinedAt leftAt openedBy closedBy confidence durationSeconds }
}
fragment Numbers on AttendanceStatistics {
  expected participants inMeeting present late partial absent averagePercentage
  totalMeetingSeconds
}
"""
WATCH = (
    """
subscription($session: ID!, $after: String) {
  sessionPresence(sessionId: $session, after: $after) {
    __typename cursor version
    ... on PresenceSnapshot { attendances { ...Row } statistics { ...Numbers } }
    ... on PresenceChanges { fromVersion removedIds changes { ...Row } statistics { ...Numbers } }
  }
}
"""
    + PRESENCE
)
WEBHOOK_OF = {"IN_MEETING": "participant_joined", "LEFT": "participant_left"}


class Watcher:
    """`roster` is by the row's id; `snapshots` counts how often it started anew."""

    def __init__(self, url: str, by: Person, session: str, deliveries: Deliveries) -> None:
        self.roster: dict[str, dict[str, Any]] = {}
        self.statistics: dict[str, Any] = {}
        self.snapshots = 0
        self.is_over = asyncio.Event()
        self._address = url.replace("http", "ws") + "/graphql"
        self._by, self._session, self._deliveries = by, session, deliveries
        self._version = 0
        self._cursor: str | None = None
        self._changed = asyncio.Event()

    async def run(self) -> None:
        """Watch until the stream is complete; after a lost connection go on from the cursor."""
        while not self.is_over.is_set():
            try:
                await self._watch()
            except (ConnectionClosed, OSError):
                await asyncio.sleep(AGAIN_AFTER_S)

    async def sees(self, person: Person, **fields: Any) -> dict[str, Any]:
        """The person's row, once it shows all these fields."""
        row: dict[str, Any] = {}
        try:
            async with asyncio.timeout(SEES_WITHIN_S):
                while not fields.items() <= (row := self.row(person)).items():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise AssertionError(f"{person.name}: {fields} never came; last: {row}") from None
        return row

    def row(self, person: Person) -> dict[str, Any]:
        rows = self.roster.values()
        return next((r for r in rows if r["user"]["databaseId"] == person.number), {})

    async def _watch(self) -> None:
        async with connect(self._address, subprotocols=[PROTOCOL]) as socket:
            payload = {"authorization": f"Bearer {self._by.key}"}
            await socket.send(json.dumps({"type": "connection_init", "payload": payload}))
            assert json.loads(await socket.recv())["type"] == "connection_ack"
            await self._subscribe(socket)
            async for text in socket:
                await self._hear(socket, json.loads(text))
                if self.is_over.is_set():
                    return

    async def _subscribe(self, socket: ClientConnection) -> None:
        variables = {"session": self._session, "after": self._cursor}
        payload = {"query": WATCH, "variables": variables}
        await socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": payload}))

    async def _hear(self, socket: ClientConnection, message: dict[str, Any]) -> None:
        match message["type"]:
            case "next":
                event = message["payload"]["data"]["sessionPresence"]
                if not self._apply(event):
                    await socket.send(json.dumps({"id": "1", "type": "complete"}))
                    await self._subscribe(socket)
            case "complete":
                self.is_over.set()
            case "ping":
                await socket.send('{"type":"pong"}')
            case other:
                raise AssertionError(f"{other}: {message}")
        self._changed.set()

    def _apply(self, event: dict[str, Any]) -> bool:
        """Take an event; False when something is missing before it."""
        if event["__typename"] == "PresenceSnapshot":
            self.snapshots += 1
            self.roster = {row["id"]: row for row in event["attendances"]}
        elif event["fromVersion"] > self._version:
            return False
        elif event["version"] > self._version:
            self._measure(event["changes"])
            self.roster |= {row["id"]: row for row in event["changes"]}
            for gone in event["removedIds"]:
                self.roster.pop(gone, None)
        self._version, self._cursor = event["version"], event["cursor"]
        self.statistics = event["statistics"]
        return True

    def _measure(self, changes: list[dict[str, Any]]) -> None:
        now = time.monotonic()
        for row in changes:
            told = (row["user"]["databaseId"], WEBHOOK_OF.get(row["presence"]))
            for delivery in reversed(self._deliveries.all):
                if (delivery.number, delivery.event) == told:
                    if not delivery.was_matched and not row["isFinal"]:
                        measured.watcher_delays_ms.append((now - delivery.at) * 1000)
                    delivery.was_matched = True
                    break


@asynccontextmanager
async def watching(watcher: Watcher) -> AsyncIterator[Watcher]:
    """Watch until the block ends; an error of the watcher is raised then."""
    task = asyncio.create_task(watcher.run())
    try:
        yield watcher
    finally:
        if not task.done():
            task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    if not task.cancelled():
        task.result()
