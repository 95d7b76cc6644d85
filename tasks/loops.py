"""Loops of a process that go on through any trouble, and the name of their heartbeats."""

import asyncio
import logging
import os
import socket
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

from background import Tasks

logger = logging.getLogger("halaqa.loops")


def process_name() -> str:
    """Name this process for its heartbeats: host and process."""
    return f"{socket.gethostname()}:{os.getpid()}"[:100]


class Loops(Tasks):
    """The loops of one owner, until they are cancelled."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        super().__init__()
        self._now = now
        self._troubles: dict[str, str] = {}

    def repeat(
        self,
        what: str,
        act: Callable[[datetime], Awaitable[Any]],
        every: timedelta,
        retry_after: timedelta | None = None,
        *,
        delay: timedelta = timedelta(0),
    ) -> None:
        """Act every so often, first after `delay`.

        `retry_after` counts instead where it fails or returns None. None means that another process
        had the turn; it may be dead by the next one.
        """

        async def loop() -> None:
            await asyncio.sleep(delay.total_seconds())
            while True:
                answer = await self.attempt(what, lambda: act(self._now()))
                wait = retry_after if retry_after and answer is None else every
                await asyncio.sleep(wait.total_seconds())

        self.start(loop())

    async def attempt(self, what: str, act: Callable[[], Awaitable[Any]]) -> Any:
        """Return the answer, or None if it fails. Log each kind of trouble once, and its end."""
        try:
            answer = await act()
        except Exception as error:
            kind = type(error).__name__
            if self._troubles.get(what) != kind:
                logger.exception("loop in trouble", extra={"what": what})
            self._troubles[what] = kind
            return None
        if self._troubles.pop(what, None):
            logger.info("loop goes on", extra={"what": what})
        return answer
