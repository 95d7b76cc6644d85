"""The events that peers in Python tell: of memory, by a queue for each subscriber."""

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import clock

Event = Any
Build = Callable[[dict[str, Any]], Event]  # makes an event what the peer's schema wants


class Source:
    def __init__(self, answers: str, build: Build) -> None:
        told = json.loads(Path(answers).read_text())
        self._snapshot, self._change = told["snapshot"], told["change"]
        self._build = build
        self._version: int = self._snapshot["version"]
        self._queues: defaultdict[str, set[asyncio.Queue[Event]]] = defaultdict(set)

    async def watch(self, session_id: str) -> AsyncIterator[Event]:
        queue: asyncio.Queue[Event] = asyncio.Queue()
        self._queues[session_id].add(queue)
        try:
            yield self._build(self._stamped(self._snapshot))
            while True:
                yield await queue.get()
        finally:
            self._queues[session_id].discard(queue)

    def publish(self) -> None:
        """Tell every session one event."""
        self._version += 1
        for queues in self._queues.values():
            event = self._build(self._stamped(self._change))
            for queue in queues:
                queue.put_nowait(event)

    @asynccontextmanager
    async def taking_orders(self, control: int) -> AsyncIterator[None]:
        """Publish once for each byte on the control port."""

        async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while orders := await reader.read(64):
                for _ in orders:
                    self.publish()
            writer.close()

        async with await asyncio.start_server(take, "127.0.0.1", control):
            yield

    def _stamped(self, event: dict[str, Any]) -> dict[str, Any]:
        return event | {"version": self._version, "asOf": clock.now()}
