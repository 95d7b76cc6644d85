"""A small schema to test a transport with: numbers that count, fail, refuse and wait."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import strawberry
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket
from strawberry.dataloader import DataLoader

from domain.errors import NotFoundError, UnauthenticatedError
from execution.documents import document_cache
from execution.events import EventExecution
from execution.refusals import ClientSafeSchema
from routes.graphql import GraphQLOverHTTP, Page
from subscriptions.connection import SocketLimits
from subscriptions.websocket import GraphQLSocket


@dataclass
class World:
    """The state that the tests watch and steer."""

    started: int = 0
    stopped: int = 0
    loads: int = 0
    left: int = 0
    lasts: timedelta | None = None
    tokens: list[str] = field(default_factory=list)


class Context:
    def __init__(self, world: World, viewer: str) -> None:
        self.world = world
        self.viewer = viewer
        self.loader = DataLoader(self._load)

    def for_event(self) -> "Context":
        return Context(self.world, self.viewer)

    async def _load(self, keys: list[str]) -> list[int]:
        self.world.loads += 1
        return [self.world.loads for _ in keys]


Info = strawberry.Info[Context, None]


@strawberry.type
class Count:
    number: int

    @strawberry.field
    async def loaded(self, info: Info) -> int:
        return await info.context.loader.load("same key each time")

    @strawberry.field
    def broken(self) -> int:
        """Fails from the second event on."""
        if self.number > 0:
            raise RuntimeError("dsn=postgres://secret")
        return self.number


@strawberry.type
class Query:
    @strawberry.field
    def hello(self, name: str = "world") -> str:
        return f"hello {name}"

    @strawberry.field
    def viewer(self, info: Info) -> str:
        return info.context.viewer

    @strawberry.field
    def broken(self) -> str | None:
        raise RuntimeError("dsn=postgres://secret")

    @strawberry.field
    def missing(self) -> str | None:
        raise NotFoundError("No such thing.", ("id",))

    @strawberry.field
    def at(self, time: datetime) -> str:
        return time.isoformat()

    @strawberry.field
    def private(self) -> str | None:
        raise UnauthenticatedError("Sign in first.")


@strawberry.type
class Mutation:
    @strawberry.mutation
    def raise_number(self, by: int = 1) -> int:
        return by


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def count(
        self, info: Info, start: int = 0, to: int = 3, delay: float = 0
    ) -> AsyncGenerator[Count, None]:
        async with Running(info.context.world):
            for number in range(start, to):
                yield Count(number=number)
                await asyncio.sleep(delay)

    @strawberry.subscription
    async def idle(self, info: Info) -> AsyncGenerator[int, None]:
        async with Running(info.context.world):
            await asyncio.Event().wait()
            yield 1

    @strawberry.subscription
    async def breaks(self, after: int = 1) -> AsyncGenerator[int, None]:
        for number in range(after):
            yield number
        raise RuntimeError("dsn=postgres://secret")

    @strawberry.subscription
    async def withdrawn(self, after: int = 1) -> AsyncGenerator[int, None]:
        for number in range(after):
            yield number
        raise NotFoundError("No such thing.")

    @strawberry.subscription
    async def flood(self, info: Info, size: int = 100_000) -> AsyncGenerator[str, None]:
        async with Running(info.context.world):
            while True:
                yield "x" * size


class Running:
    def __init__(self, world: World) -> None:
        self._world = world

    async def __aenter__(self) -> None:
        self._world.started += 1

    async def __aexit__(self, *_: object) -> None:
        self._world.stopped += 1


@dataclass
class Visitor:
    world: World
    viewer: str
    expires_at: datetime | None

    def call_when_signed_out(self, call: Callable[[], None]) -> None:
        """Nobody is ever signed out."""

    def leave(self) -> None:
        self.world.left += 1

    async def context_for_operation(self, outlet: object, is_watching: bool) -> Context:
        return Context(self.world, self.viewer)


counting_schema = ClientSafeSchema(
    Query,
    Mutation,
    Subscription,
    extensions=[document_cache()],
    execution_context_class=EventExecution,
)


def counting_app(
    world: World,
    *,
    limits: SocketLimits | None = None,
    allowed_origins: tuple[str, ...] = (),
    page: Page | None = None,
    routes: list[BaseRoute] | None = None,
) -> Starlette:
    async def connect(parameters: dict[str, Any], _: WebSocket) -> Visitor:
        viewer = _viewer(parameters.get("Authorization", ""))
        world.tokens.append(viewer)
        expires_at = datetime.now(UTC) + world.lasts if world.lasts else None
        return Visitor(world, viewer, expires_at)

    async def context_for(request: Request) -> Context:
        return Context(world, _viewer(request.headers.get("authorization", "")))

    socket = GraphQLSocket(
        counting_schema,
        connect=connect,
        now=lambda: datetime.now(UTC),
        allowed_origins=allowed_origins,
        limits=limits,
    )
    door = GraphQLOverHTTP(counting_schema, context_for=context_for, page=page)
    return Starlette(
        routes=[Route("/graphql", door), WebSocketRoute("/graphql", socket), *(routes or [])]
    )


def _viewer(authorization: str) -> str:
    if authorization == "Bearer crash":
        raise RuntimeError("dsn=postgres://secret")
    if authorization == "Bearer bad":
        raise UnauthenticatedError("The token is no good.")
    return authorization.removeprefix("Bearer ") or "nobody"
