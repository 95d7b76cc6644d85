"""The ASGI app: its routes, and how it is served. `python main.py …` is the CLI."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from multiprocessing import parent_process
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import HTTPConnection, Request
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

import clock
import telemetry
from actions.identity.viewers import Keyring, viewer_of
from api import build_schema
from cli.parts import Beside, Parts
from cli.program import run
from demo.command import demo
from domain.access import Viewer
from domain.system import ClockStatus, SystemState
from execution.context import Context
from processes import alongside, running, ticking, working
from routes import health, livekit
from routes.graphiql import Example, GraphiQL, read_examples
from routes.graphql import GraphQLOverHTTP
from routes.metrics import Metrics
from schema.types.ids import Kind, encode
from settings import Settings, current
from subscriptions.process import ServingProcess
from subscriptions.transport import ReleasingProtocol
from subscriptions.websocket import GraphQLSocket

MAX_MESSAGE_BYTES = 1024 * 1024  # of one WebSocket message


class App:
    """One process: what its requests share, from start to stop."""

    def __init__(
        self,
        settings: Settings,
        examples: Sequence[Example] | None = None,
        beside: Beside | None = None,
        *,
        is_alone: bool = True,
    ) -> None:
        self.settings = settings
        self._beside = beside
        self._metrics = Metrics(self._state, is_alone=is_alone)
        self.schema = build_schema()
        self.graphiql = GraphiQL(examples)
        self._process: ServingProcess | None = None
        self._keyring = Keyring.of(settings)

    @property
    def process(self) -> ServingProcess:
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
            Route("/health/ready", health.Readiness(self._clock).answer),
            Route("/metrics", self._metrics.answer),
            *self.graphiql.routes(),
        ]

    async def _state(self) -> SystemState:
        return await self.process.readings.state()

    async def _clock(self) -> ClockStatus:
        return await self.process.readings.clock()

    @contextlib.asynccontextmanager
    async def _lifespan(self, app: Starlette) -> AsyncIterator[None]:
        async with running(self.settings) as self._process, alongside(self._beside):
            yield

    async def _context(self, request: Request) -> Context[ServingProcess]:
        ask = Bearer(self, request.headers.get("authorization"))
        return Context(self.process, await ask(), clock.now(), ask, _address(request))

    async def _connect(self, parameters: dict[str, Any], websocket: WebSocket) -> "Connected":
        named = {name.lower(): value for name, value in parameters.items()}
        authorization = named.get("authorization")
        ask = Bearer(self, str(authorization) if authorization else None)
        viewer = await ask()
        expires_at = viewer.expires_at if viewer else None
        return Connected(self.process, viewer, expires_at, ask, _address(websocket))

    async def viewer(self, authorization: str | None) -> Viewer | None:
        """Whom the bearer token speaks for: None without one, UnauthenticatedError for a bad."""
        if not authorization:
            return None
        scheme, _, token = authorization.partition(" ")
        token = token if scheme.lower() == "bearer" else ""
        return await viewer_of(self._keyring, token, clock.now())


@dataclass(frozen=True, slots=True)
class Bearer:
    """Says for whom an authorization speaks by now: the same on any number of sockets."""

    app: App
    authorization: str | None

    async def __call__(self) -> Viewer | None:
        return await self.app.viewer(self.authorization)


@dataclass(frozen=True, slots=True)
class Connected:
    """Who is at the other end of a socket."""

    process: ServingProcess
    viewer: Viewer | None
    expires_at: datetime | None
    ask: Callable[[], Awaitable[Viewer | None]]
    address: str | None

    async def stay_signed_in(self) -> None:
        if self.viewer is not None:
            context = Context(self.process, self.viewer, clock.now(), self.ask)
            await self.process.watchers.stay_signed_in(context)

    async def context_for_operation(self) -> Context[ServingProcess]:
        """With the rights of now: a socket lives longer than a role, or than an account."""
        return Context(self.process, await self.ask(), clock.now(), self.ask, self.address)


def _address(connection: HTTPConnection) -> str | None:
    return connection.client.host if connection.client else None


def serve(
    settings: Settings,
    examples: Sequence[Example] | None = None,
    beside: Beside | None = None,
) -> None:
    """Serve until a signal ends it. On loopback: a proxy stands before it in production."""
    listener = _listener(settings)
    server = uvicorn.Server(_config(App(settings, examples, beside).asgi()))
    with contextlib.suppress(KeyboardInterrupt):  # which uvicorn hands on once it has stopped
        server.run([listener])


def serve_many(settings: Settings, workers: int) -> None:
    """Several processes behind one port: one that dies is replaced, none outlives this one."""
    listener = _listener(settings)
    config = _config("main:one_of_many", factory=True, workers=workers)
    supervisor = Multiprocess(config, [listener])
    supervisor.run()
    if any(process.exitcode == STARTUP_FAILURE for process in supervisor.processes):
        raise SystemExit(STARTUP_FAILURE)


def one_of_many() -> Starlette:
    telemetry.start_logging()
    return App(current(), beside=_end_with_the_first, is_alone=False).asgi()


async def _end_with_the_first() -> None:
    """Nobody would stop us otherwise, and our port would stay taken."""
    first = parent_process()
    while first is not None and first.is_alive():  # noqa: ASYNC110
        await asyncio.sleep(1)
    signal.raise_signal(signal.SIGTERM)


def _listener(settings: Settings) -> socket.socket:
    return socket.create_server(("127.0.0.1", settings.port))


def _config(app: Starlette | str, *, factory: bool = False, workers: int = 1) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        factory=factory,
        workers=workers,
        ws=ReleasingProtocol,
        ws_max_size=MAX_MESSAGE_BYTES,
        ws_per_message_deflate=False,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=10,
        timeout_worker_healthcheck=30,  # it is asked before it has imported anything
        timeout_keep_alive=75,  # longer than a proxy keeps its own: else it writes to a closed one
    )


def printed_schema() -> str:
    return build_schema().as_str()


if __name__ == "__main__":
    run(
        Parts(
            serve=serve,
            serve_many=serve_many,
            ticking=ticking,
            working=working,
            printed_schema=printed_schema,
            examples=read_examples,
            has_own_graphiql=lambda: GraphiQL().is_built,
            global_id=lambda kind, number: encode(Kind(kind), number),
        ),
        demo,
    )
