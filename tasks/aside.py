"""Jobs that must not be done again, kept where an operator finds them."""

import logging
from collections.abc import Awaitable, Callable
from typing import Any

from taskiq import TaskiqMessage, TaskiqMiddleware, TaskiqResult

logger = logging.getLogger("halaqa.queue")

Keep = Callable[[bytes, str], Awaitable[bool]]


class DeadlyError(Exception):
    """Its work was begun again and again, and each time the process ended before the work did."""


class SettingAside(TaskiqMiddleware):
    """Sets a deadly job's message aside. Never raises: that would leave it unacknowledged."""

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
