"""Sets jobs aside that must not be done again, where an operator finds them."""

import logging
from collections.abc import Awaitable, Callable
from typing import Any

from taskiq import TaskiqMessage, TaskiqMiddleware, TaskiqResult

logger = logging.getLogger("halaqa.queue")

Keep = Callable[[bytes, str], Awaitable[bool]]


class DeadlyError(Exception):
    """A job's work was started several times, and each time the process ended before the work."""


class SettingAside(TaskiqMiddleware):
    """Sets a deadly job's message aside. Never raises: the message would stay unacknowledged."""

    def __init__(self, keep: Keep) -> None:
        super().__init__()
        self._keep = keep

    async def on_error(
        self, message: TaskiqMessage, result: TaskiqResult[Any], exception: BaseException
    ) -> None:
        if not isinstance(exception, DeadlyError):
            return
        try:
            await self._keep(self.broker.formatter.dumps(message).message, f"{exception}")
        except Exception:
            logger.exception("job not kept aside")
