"""The ASGI app: its routes, and what lives as long as it does. `python main.py …` is the CLI."""

import asyncio
import contextlib
import functools
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket

import clock
from actions import system
from actions.identity import viewer_of
from actions.tokens import Door
from cli.parts import Beside, Parts
from cli.program import run
from domain.access import Viewer
from gateways.bus import Bus, bell
from gateways.livekit import LiveKit
from models.database import close_database, open_database
from resolvers.context import Context, Process
from routes import health, livekit
from routes.graphiql import Example, GraphiQL, read_examples
from routes.graphql import GraphQLOverHTTP
from schema.root import build_schema
from schema.types.ids import Kind, encode
from settings import Settings
from subscriptions.hubs import Hubs
from subscriptions.system import SystemWatch
from subscriptions.transport import ReleasingProtocol
from subscriptions.websocket import GraphQLSocket
from tasks.clock import Clock

MAX_MESSAGE_BYTES = 1024 * 1024  # of one WebSocket message


class App:
    """One process: what its requests share, from start to stop."""

    def __init__(
        self,
        settings: Settings,
        examples: Sequence[Example] | None = None,
        beside: Beside | None = None,
    ) -> None:
        self.settings = settings
        self._beside = beside
        self.schema = build_schema()
        self.graphiql = GraphiQL(examples)
        self._process: Process | None = None

    @property
    def process(self) -> Process:
        assert self._process is not None, "requests come after the start"  # noqa: S101
        return self._process

    def asgi(self) -> Starlette:
        return Starlette(
            routes=self._routes(),
            middleware=[
                Middleware(
                    CORSMiddleware,
                    allow_origins=self.settings.allowed_origins,
                    allow_methods=["GET", "POST"],
                    allow_headers=["authorization", "content-type"],
                )
            ],
            lifespan=self._lifespan,
        )

    def _routes(self) -> list[BaseRoute]:
        http = GraphQLOverHTTP(self.schema, context_for=self._context, page=self.graphiql.page)
        socket = GraphQLSocket(
            self.schema,
            connect=self._connect,
            now=clock.now,
            allowed_origins=self.settings.allowed_origins,
        )
        return [
            Route("/graphql", http),
            WebSocketRoute("/graphql", socket),
            Route("/webhooks/livekit", livekit.receive, methods=["POST"]),
            Route("/health/live", health.live),
            Route("/health/ready", health.ready),
            *self.graphiql.routes(),
        ]

    @contextlib.asynccontextmanager
    async def _lifespan(self, app: Starlette) -> AsyncIterator[None]:
        async with running(self.settings) as self._process, alongside(self._beside):
            yield

    async def _context(self, request: Request) -> Context:
        viewer = await self._viewer(request.headers.get("authorization"))
        return Context(self.process, viewer, clock.now())

    async def _connect(self, parameters: dict[str, Any], websocket: WebSocket) -> "Connected":
        named = {name.lower(): value for name, value in parameters.items()}
        authorization = named.get("authorization")
        viewer = await self._viewer(authorization)
        ask = functools.partial(self._viewer, authorization)
        return Connected(self.process, viewer.expires_at if viewer else None, ask)

    async def _viewer(self, authorization: object) -> Viewer | None:
        """Whom the bearer token speaks for: None without one, UnauthenticatedError for a bad."""
        if not authorization:
            return None
        scheme, _, token = str(authorization).partition(" ")
        secret = self.settings.jwt_secret.get_secret_value()
        return await viewer_of(secret, token if scheme.lower() == "bearer" else "", clock.now())


@dataclass(frozen=True, slots=True)
class Connected:
    """Who is at the other end of a socket."""

    process: Process
    expires_at: datetime | None
    ask: Callable[[], Awaitable[Viewer | None]]

    async def context_for_operation(self) -> Context:
        """With the rights of now: a socket lives longer than a role, or than an account."""
        return Context(self.process, await self.ask(), clock.now())


@contextlib.asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Process]:
    """Everything a serving process needs, started in order and stopped in the reverse."""
    async with contextlib.AsyncExitStack() as stack:
        await open_database(settings.database_url)
        stack.push_async_callback(close_database)
        bus = await stack.enter_async_context(ringing())
        rooms = await stack.enter_async_context(connected(settings))
        hubs = Hubs(bus)
        await hubs.open()
        stack.push_async_callback(hubs.close)
        watch = SystemWatch(functools.partial(system.read, rooms))
        stack.push_async_callback(watch.close)
        ticking = Clock(rooms, bus)
        await ticking.start()
        stack.push_async_callback(ticking.stop)
        yield Process(Door(rooms, settings), hubs, watch)


@contextlib.asynccontextmanager
async def ringing() -> AsyncIterator[Bus]:
    """The process's bus, and the bell that actions ring."""
    bus = Bus()
    await bus.open()
    bell.bus = bus
    try:
        yield bus
    finally:
        bell.bus = None
        await bus.close()


@contextlib.asynccontextmanager
async def connected(settings: Settings) -> AsyncIterator[LiveKit]:
    secret = settings.livekit_api_secret.get_secret_value()
    gateway = LiveKit(
        settings.livekit_api_url,
        settings.livekit_api_key,
        secret,
        tls_verify=settings.livekit_tls_verify,
    )
    try:
        yield gateway
    finally:
        await gateway.aclose()


@contextlib.asynccontextmanager
async def alongside(beside: Beside | None) -> AsyncIterator[None]:
    """What runs in this process as long as the server does: the demo's simulation."""
    task = asyncio.ensure_future(beside()) if beside else None
    try:
        yield
    finally:
        if task:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


@contextlib.asynccontextmanager
async def ticking(settings: Settings) -> AsyncIterator[None]:
    """The clock and its work, without a server."""
    async with contextlib.AsyncExitStack() as stack:
        await open_database(settings.database_url)
        stack.push_async_callback(close_database)
        bus = await stack.enter_async_context(ringing())
        alone = Clock(await stack.enter_async_context(connected(settings)), bus)
        await alone.start()
        stack.push_async_callback(alone.stop)
        yield


def serve(
    settings: Settings,
    examples: Sequence[Example] | None = None,
    beside: Beside | None = None,
) -> None:
    """Serve until a signal ends it. On loopback: a proxy stands before it in production."""
    listener = socket.create_server(("127.0.0.1", settings.port))
    config = uvicorn.Config(
        App(settings, examples, beside).asgi(),
        ws=ReleasingProtocol,
        ws_max_size=MAX_MESSAGE_BYTES,
        ws_per_message_deflate=False,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=10,
    )
    with contextlib.suppress(KeyboardInterrupt):  # which uvicorn hands on once it has stopped
        uvicorn.Server(config).run([listener])


def printed_schema() -> str:
    return build_schema().as_str()


if __name__ == "__main__":
    run(
        Parts(
            serve=serve,
            ticking=ticking,
            printed_schema=printed_schema,
            examples=read_examples,
            has_own_graphiql=lambda: GraphiQL().is_built,
            global_id=lambda kind, number: encode(Kind(kind), number),
        )
    )
