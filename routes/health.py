"""Is this process alive, and is it fit to be sent requests?"""

import logging

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

import clock
from actions import clock as clocks

logger = logging.getLogger("halaqa.health")


async def live(request: Request) -> Response:
    return JSONResponse({"status": "live"})


async def ready(request: Request) -> Response:
    """503 while the database does not answer or no clock beats.

    Not while LiveKit is silent or work is late: every process would be taken out at once, and none
    of them is at fault. systemStatus and the metrics say so.
    """
    try:
        status = await clocks.status(clock.now())
    except Exception:
        logger.warning("not ready: no database", exc_info=True)
        return JSONResponse({"status": "database does not answer"}, 503)
    if not status.is_running:
        logger.warning("not ready: the clock has stopped")
        return JSONResponse({"status": "the clock has stopped"}, 503)
    return JSONResponse({"status": "ready"})
