"""What is so now, asked once for all in this process who want to know at the same time."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from background import apart, cancel

T = TypeVar("T")
Asking = tuple[float, asyncio.Task[Any]]  # until when its answer is good


class Look:
    """Answers, and errors too, are kept for `kept_s` seconds: who does not answer is not asked by
    everybody. A caller who goes away takes nothing from the others."""

    def __init__(self, kept_s: float) -> None:
        self.kept_s = kept_s
        self._asked: dict[str, Asking] = {}

    async def once(self, key: str, ask: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """The answer that is there, or that somebody waits for already, or a new one."""
        loop = asyncio.get_running_loop()
        self._forget(loop.time())
        if key not in self._asked:
            task = apart(ask())
            task.add_done_callback(_hear)
            self._asked[key] = (loop.time() + self.kept_s, task)
        answer: T = await asyncio.shield(self._asked[key][1])
        return answer

    async def close(self) -> None:
        await cancel([task for _, task in self._asked.values()])

    def _forget(self, now: float) -> None:
        for key, (until, task) in list(self._asked.items()):
            if until <= now and task.done():
                del self._asked[key]


def _hear(task: asyncio.Task[Any]) -> None:
    """An error that nobody waits for any more is no news."""
    if not task.cancelled():
        task.exception()
