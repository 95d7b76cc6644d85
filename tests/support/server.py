"""A real server for the length of a test."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from starlette.types import ASGIApp

from subscriptions.transport import SocketProtocol
from tests.support.patience import PATIENCE_S, within


@asynccontextmanager
async def serve(app: ASGIApp) -> AsyncIterator[str]:
    """Run the app with its lifespan on a free loopback port; give its address without a slash."""
    async with serving(app) as (url, _):
        yield url


@asynccontextmanager
async def serving(
    app: ASGIApp, *, ws: type[asyncio.Protocol] = SocketProtocol, port: int = 0
) -> AsyncIterator[tuple[str, uvicorn.Server]]:
    """Like `serve`, with the server in hand: a test may stop it with `should_exit`."""
    listener = socket.create_server(("127.0.0.1", port))
    config = uvicorn.Config(
        app,
        ws=ws,
        ws_max_size=65536,
        ws_per_message_deflate=False,
        ws_ping_interval=None,
        lifespan="on",
        log_config=None,
        timeout_graceful_shutdown=5,
        timeout_keep_alive=75,  # as main.py; 5 s would close a connection that clients still use
    )
    server = _QuietServer(config)
    running = asyncio.create_task(server.serve(sockets=[listener]))
    await _started(server, running)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", server
    finally:
        server.should_exit = True
        async with within(PATIENCE_S, "the server stops"):
            await asyncio.shield(running)
        listener.close()


class _QuietServer(uvicorn.Server):
    """Leaves the process's signals to pytest."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            await super().serve(sockets)
        except SystemExit:  # would end pytest itself
            raise RuntimeError("the app's lifespan failed to start") from None


async def _started(server: uvicorn.Server, running: asyncio.Task[None]) -> None:
    while not server.started:
        if running.done():
            await running
        await asyncio.sleep(0.005)
