"""Waiting for what must become true; never for time to pass."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

EVERY_S = 0.05

Answer = TypeVar("Answer")


async def until(ask: Callable[[], Awaitable[Answer]], within_s: float, what: str) -> Answer:
    """The first answer that is true."""
    limit = time.monotonic() + within_s
    while not (answer := await ask()):
        assert time.monotonic() < limit, f"not within {within_s:.0f} s: {what}"
        await asyncio.sleep(EVERY_S)
    return answer
