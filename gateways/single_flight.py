"""Single flight: many callers who want the same answer wait for one call.

The answer is kept for a moment, so a caller who comes a little later gets it too. The pattern is
known from Go's `singleflight` package.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from background import apart, cancel

T = TypeVar("T")
Call = tuple[float, asyncio.Task[Any]]  # the loop's time until which its answer is kept


class SingleFlight:
    """Keep answers, and errors too, for `kept_s` seconds: a server that does not answer is not
    asked by everybody. A caller who is cancelled does not cancel the call of the others."""

    def __init__(self, kept_s: float) -> None:
        self.kept_s = kept_s
        self._calls: dict[str, Call] = {}

    async def ask(self, key: str, call: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Return the kept answer, or wait for the call under way, or start `call`."""
        now = asyncio.get_running_loop().time()
        for old, (until, task) in list(self._calls.items()):
            if until <= now and task.done():
                del self._calls[old]
        if key not in self._calls:
            task = apart(call())
            task.add_done_callback(_take_error)
            self._calls[key] = (now + self.kept_s, task)
        answer: T = await asyncio.shield(self._calls[key][1])
        return answer

    async def close(self) -> None:
        await cancel([task for _, task in self._calls.values()])


def _take_error(task: asyncio.Task[Any]) -> None:
    """Read the error: asyncio logs one that nobody reads, as when all callers went away."""
    if not task.cancelled():
        task.exception()
