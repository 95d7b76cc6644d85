"""What runs beside everything else: begun apart from whoever begins it, and ended for certain."""

import asyncio
import contextvars
from collections.abc import Collection, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

AGAIN_AFTER_S = 1.0  # time enough to give work back


def apart(work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """A task that inherits nothing, above all no transaction."""
    return asyncio.get_running_loop().create_task(work, context=contextvars.Context())


async def cancel(tasks: Collection[asyncio.Task[Any]]) -> None:
    """Return when all of them have ended, however they did.

    Python 3.11's `wait_for`, which redis-py uses, can swallow a cancellation: it is said until it
    is heard.
    """
    tasks = list(tasks)
    while left := [task for task in tasks if not task.done()]:
        for task in left:
            task.cancel()
        await asyncio.wait(left, timeout=AGAIN_AFTER_S)
    await asyncio.gather(*tasks, return_exceptions=True)  # nobody asks for their errors


class Tasks:
    """Tasks that run beside their owner, each until it ends or all are cancelled."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[Any]] = set()

    def start(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = apart(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    async def cancel(self) -> None:
        await cancel(self._running)
