"""A backstop finds in the tables what the bus did not tell, every few seconds."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

from background import apart, cancel

logger = logging.getLogger("halaqa.backstop")

BACKSTOP_S = 3.0
DATABASE_PATIENCE_S = 10.0


class Backstop:
    """Calls `close_gaps` every `every_s` seconds, and at once after `hurry`.

    It lasts as long as the listening that it stands behind. `channel` names it in the log.
    """

    def __init__(
        self, channel: str, every_s: float, close_gaps: Callable[[], Awaitable[None]]
    ) -> None:
        self._channel = channel
        self._every_s = every_s
        self._close_gaps = close_gaps
        self._is_hurried = asyncio.Event()
        self._is_failing = False  # logged once
        self._task: asyncio.Task[None] | None = None
        self._stop_listening: Callable[[], None] | None = None

    def start(self, stop_listening: Callable[[], None]) -> None:
        """Start behind a listening; `stop` ends both."""
        self._stop_listening = stop_listening
        self._task = apart(self._run())

    def hurry(self) -> None:
        """Look now: changes may have been missed."""
        self._is_hurried.set()

    async def stop(self) -> None:
        if self._stop_listening is not None:
            self._stop_listening()
        if self._task is not None:
            await cancel([self._task])

    async def _run(self) -> None:
        while True:
            with suppress(TimeoutError):  # no wait_for: 3.11's can swallow a cancellation
                async with asyncio.timeout(self._every_s):
                    await self._is_hurried.wait()
            self._is_hurried.clear()
            try:
                async with asyncio.timeout(DATABASE_PATIENCE_S):
                    await self._close_gaps()
                self._is_failing = False
            except Exception as error:
                if not self._is_failing:
                    extra = {"channel": self._channel, "reason": type(error).__name__}
                    logger.warning("gaps not closed", extra=extra)
                self._is_failing = True
