"""Starts tasks that inherit nothing, and cancels tasks until they have ended."""

import asyncio
import contextvars
from collections.abc import Collection, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

CANCEL_RETRY_S = 1.0  # long enough for a job to return its claim


def apart(work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """Start a task that inherits no context, above all no transaction."""
    return asyncio.get_running_loop().create_task(work, context=contextvars.Context())


async def cancel(tasks: Collection[asyncio.Task[Any]]) -> None:
    """Cancel tasks, and return when all of them have ended. Their errors are dropped.

    Each is cancelled again until it ends, because the `wait_for` of Python 3.11, which redis-py
    uses, can swallow a cancellation.
    """
    tasks = list(tasks)
    while left := [task for task in tasks if not task.done()]:
        for task in left:
            task.cancel()
        await asyncio.wait(left, timeout=CANCEL_RETRY_S)
    await asyncio.gather(*tasks, return_exceptions=True)


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
