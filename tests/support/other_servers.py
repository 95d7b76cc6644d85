"""ASGI servers that are not ours, for the length of a test: they know nothing of our transport."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import httpx
from hypercorn.asyncio import serve as run_hypercorn
from hypercorn.config import Config
from starlette.types import ASGIApp
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from tests.support.patience import PATIENCE_S, within
from tests.support.server import serving

Serve = Callable[[ASGIApp], AbstractAsyncContextManager[str]]


@asynccontextmanager
async def by_plain_uvicorn(app: ASGIApp) -> AsyncIterator[str]:
    """Run the app with uvicorn's own protocol class."""
    async with serving(app, ws=WebSocketsSansIOProtocol) as (url, _):
        yield url


@asynccontextmanager
async def by_hypercorn(app: ASGIApp) -> AsyncIterator[str]:
    """Run the app with its lifespan on a free loopback port; give its address without a slash."""
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    config = Config()
    config.bind = [f"fd://{listener.detach()}"]  # hypercorn closes it
    config.errorlog = None
    stop = asyncio.Event()
    serving_it = run_hypercorn(app, config, shutdown_trigger=stop.wait, mode="asgi")  # type: ignore[arg-type]
    running = asyncio.create_task(serving_it)
    try:
        async with httpx.AsyncClient(timeout=PATIENCE_S) as web:
            await web.get(f"{url}/health/live")  # is answered once the lifespan has started
        yield url
    finally:
        stop.set()
        async with within(PATIENCE_S, "the server stops"):
            await running
