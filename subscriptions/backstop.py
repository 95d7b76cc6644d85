"""What a process hears on the bus, and the look behind it for what it has not heard."""

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

from background import apart, cancel
from gateways.bus import Bus

logger = logging.getLogger("halaqa.backstop")

BACKSTOP_S = 3.0
PATIENCE_S = 10.0  # with a database that says nothing


class Backstop(ABC):
    """Looks now and then, and at once when hints were missed."""

    channel: str

    def __init__(self, bus: Bus, backstop_s: float) -> None:
        self._bus = bus
        self._backstop_s = backstop_s
        self._missed = asyncio.Event()
        self._is_blind = False  # the database does not answer; said once
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        self._bus.listen(self.channel, self._hear, on_gap=self._missed.set)
        self._start(self._keep_looking())

    async def close(self) -> None:
        self._bus.unlisten(self.channel, self._hear)
        await cancel(self._tasks)

    @abstractmethod
    def _hear(self, hint: str) -> None: ...

    @abstractmethod
    async def close_gaps(self) -> None:
        """A statement or a few: what has changed unheard?"""

    async def _keep_looking(self) -> None:
        while True:
            with suppress(TimeoutError):  # no wait_for: 3.11's can swallow a cancellation
                async with asyncio.timeout(self._backstop_s):
                    await self._missed.wait()
            self._missed.clear()
            try:
                async with asyncio.timeout(PATIENCE_S):
                    await self.close_gaps()
                self._is_blind = False
            except Exception as error:
                if not self._is_blind:
                    told = {"channel": self.channel, "reason": type(error).__name__}
                    logger.warning("gaps not closed", extra=told)
                self._is_blind = True

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = apart(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
