"""Tells whether this process is alive and ready for requests."""

import logging
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from domain.system import ClockStatus
from routes.headers import PRIVATE

logger = logging.getLogger("halaqa.health")

ReadClock = Callable[[], Awaitable[ClockStatus]]


async def live(request: Request) -> Response:
    return _answer("live")


class Readiness:
    """Answers `GET /health/ready`: 503 while the database does not answer or no clock runs.

    A silent LiveKit or late work is no 503. A load balancer would take out all processes at once,
    although none of them is at fault. systemStatus and the metrics tell of both.
    """

    def __init__(self, read: ReadClock) -> None:
        self._read = read

    async def answer(self, request: Request) -> Response:
        try:
            status = await self._read()
        except Exception:
            logger.warning("not ready: no database", exc_info=True)
            return _answer("database does not answer", 503)
        if not status.is_running:
            logger.warning("not ready: the clock has stopped")
            return _answer("the clock has stopped", 503)
        return _answer("ready")


def _answer(status: str, code: int = 200) -> Response:
    return JSONResponse({"status": status}, code, PRIVATE)
