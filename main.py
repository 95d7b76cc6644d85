"""The ASGI app: its routes, and how it is served. `python main.py …` runs a command of `cli`."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from multiprocessing import parent_process
from types import FrameType
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import HTTPConnection, Request
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp
from starlette.websockets import WebSocket
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

import clock
import telemetry
from actions.identity.viewers import Keyring, viewer_of
from actions.webhooks.door import door
from api import build_schema
from cli.parts import Beside, Parts
from cli.program import run
from demo.command import demo
from domain.access import Viewer
from domain.system import ClockStatus, SystemState
from execution.context import Context
from processes import alongside, running, ticking, tune_collector, working
from routes import health, livekit
from routes.graphiql import Example, GraphiQL, read_examples
from routes.graphql import GraphQLOverHTTP
from routes.metrics import Metrics
from schema.types.ids import Kind, encode
from settings import Settings, current
from subscriptions.connected import Connected
from subscriptions.stream_services import StreamServices
from subscriptions.transport import SocketProtocol
from subscriptions.websocket import GraphQLSocket, SocketsFirst
from zones import check_zone_data

SOCKET_MESSAGE_MAX_BYTES = 1024 * 1024


class App:
    """One process: holds what its requests share, from start to stop.

    `is_alone` says that no other process serves the same port.
    """

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
        self._is_alone = is_alone
        self.schema = build_schema()
        self.graphiql = GraphiQL(examples, is_on=settings.graphiql)
        self._process: StreamServices | None = None
        self._keyring = Keyring.of(settings)

    @property
    def process(self) -> StreamServices:
        assert self._process is not None, "requests come after the start"  # noqa: S101
        return self._process

    def asgi(self) -> ASGIApp:
        http = GraphQLOverHTTP(self.schema, context_for=self._context, page=self.graphiql.page)
        origins = self.settings.allowed_origins
        socket = GraphQLSocket(
            self.schema, connect=self._connect, now=clock.now, allowed_origins=origins
        )
        cors = Middleware(
            CORSMiddleware,
            allow_origins=origins,
            allow_methods=["GET", "POST"],
            allow_headers=["authorization", "content-type"],
        )
        metrics = Metrics(self._state, self.settings, is_alone=self._is_alone)
        routes: list[BaseRoute] = [
            Route("/graphql", http),
            Route("/webhooks/livekit", livekit.receive, methods=["POST"]),
            Route("/health/live", health.live),
            Route("/health/ready", health.Readiness(self._clock).answer),
            Route("/metrics", metrics.answer),
            *self.graphiql.routes(),
        ]
        app = Starlette(routes=routes, middleware=[cors], lifespan=self._lifespan)
        return SocketsFirst(app, "/graphql", socket)

    async def _state(self) -> SystemState:
        return await self.process.readings.state()

    async def _clock(self) -> ClockStatus:
        return await self.process.readings.clock()

    @contextlib.asynccontextmanager
    async def _lifespan(self, app: Starlette) -> AsyncIterator[None]:
        async with running(self.settings) as self._process, alongside(self._beside):
            yield
            await self._keyring.people.close()

    async def _context(self, request: Request) -> Context[StreamServices]:
        ask = Bearer(self, request.headers.get("authorization"))
        return Context(self.process, await ask(), clock.now(), ask, _address(request))

    async def _connect(self, parameters: dict[str, Any], websocket: WebSocket) -> Connected:
        by_name = {name.lower(): value for name, value in parameters.items()}
        authorization = by_name.get("authorization")
        ask = Bearer(self, str(authorization) if authorization else None)
        doubts = self.process.watchers.doubts_so_far
        viewer = await ask()
        connected = Connected(self.process, ask, _address(websocket))
        if viewer is not None:
            context = Context(self.process, viewer, clock.now(), ask)
            connected.right = self.process.watchers.sign_in(context, doubts)
        return connected

    async def viewer(self, authorization: str | None) -> Viewer | None:
        """Return a bearer token's viewer; None without one. UnauthenticatedError if it is bad."""
        if not authorization:
            return None
        scheme, _, token = authorization.partition(" ")
        token = token if scheme.lower() == "bearer" else ""
        return await viewer_of(self._keyring, token, clock.now())


@dataclass(frozen=True, slots=True)
class Bearer:
    """Finds the viewer of an authorization as of now. Bearers of the same one are equal."""

    app: App
    authorization: str | None

    async def __call__(self) -> Viewer | None:
        return await self.app.viewer(self.authorization)


def _address(connection: HTTPConnection) -> str | None:
    return connection.client.host if connection.client else None


class _Server(uvicorn.Server):
    """Stops the beats of the webhook door with the listening, and not once all is drained."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        door.close()
        super().handle_exit(sig, frame)


def serve(
    settings: Settings,
    examples: Sequence[Example] | None = None,
    beside: Beside | None = None,
) -> None:
    """Serve on loopback until a signal. In production a proxy stands in front of it."""
    listener = _listener(settings)
    server = _Server(_config(App(settings, examples, beside).asgi()))
    tune_collector()
    with contextlib.suppress(KeyboardInterrupt):  # uvicorn raises it again after it has stopped
        server.run([listener])


def serve_many(settings: Settings, workers: int) -> None:
    """Serve with several processes on one port. A dead one is replaced; all end with this one."""
    listener = _listener(settings)
    config = _config("main:worker_app", factory=True, workers=workers)
    supervisor = Multiprocess(config, [listener])
    supervisor.run()
    if any(process.exitcode == STARTUP_FAILURE for process in supervisor.processes):
        raise SystemExit(STARTUP_FAILURE)


def worker_app() -> ASGIApp:
    """Make the app of one of several processes."""
    telemetry.start_logging()
    check_zone_data()
    app = App(current(), beside=_end_with_parent, is_alone=False).asgi()
    tune_collector()
    return app


async def _end_with_parent() -> None:
    """End this process when its parent ends: nobody else would stop it and free the port."""
    parent = parent_process()
    while parent is not None and parent.is_alive():  # noqa: ASYNC110
        await asyncio.sleep(1)
    signal.raise_signal(signal.SIGTERM)


def _listener(settings: Settings) -> socket.socket:
    return socket.create_server(("127.0.0.1", settings.port))


def _config(app: ASGIApp | str, *, factory: bool = False, workers: int = 1) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        factory=factory,
        workers=workers,
        ws=SocketProtocol,
        ws_max_size=SOCKET_MESSAGE_MAX_BYTES,
        ws_per_message_deflate=False,
        ws_ping_interval=None,  # subscriptions/pulse.py has pings that pages see
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=10,
        timeout_worker_healthcheck=30,  # uvicorn asks a process before its imports are done
        timeout_keep_alive=75,  # longer than a proxy's: it must not write to a closed one
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
