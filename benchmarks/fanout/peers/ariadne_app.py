"""Ariadne as its documentation shows it, on uvicorn; in an environment of its own.

Arguments: the port, the control port, and the file of answers.
"""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import uvicorn
from ariadne import (  # type: ignore[import-not-found]
    InterfaceType,
    QueryType,
    ScalarType,
    SubscriptionType,
    load_schema_from_path,
    make_executable_schema,
)
from ariadne.asgi import GraphQL  # type: ignore[import-not-found]
from ariadne.asgi.handlers import GraphQLTransportWSHandler  # type: ignore[import-not-found]
from starlette.applications import Starlette
from starlette.routing import Route, WebSocketRoute

from benchmarks.fanout.peers.source import Source

port, control, answers = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
source = Source(answers, lambda told: told)
subscription = SubscriptionType()


async def watch(obj: object, info: object, **asked: str) -> AsyncIterator[dict[str, Any]]:
    async for event in source.watch(asked["sessionId"]):
        yield event


def tell(event: dict[str, Any], info: object, **asked: str) -> dict[str, Any]:
    return event


def name_type(event: dict[str, Any], *ignored: object) -> str:
    return "PresenceSnapshot" if "session" in event else "PresenceChanges"


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    async with source.taking_orders(control):
        yield


subscription.set_source("sessionPresence", watch)
subscription.set_field("sessionPresence", tell)
schema = make_executable_schema(
    load_schema_from_path(str(Path(__file__).parent / "schema.graphql")),
    subscription,
    QueryType(),
    InterfaceType("PresenceEvent", name_type),
    ScalarType("DateTime", serializer=lambda moment: moment.isoformat()),
)
graphql = GraphQL(schema, websocket_handler=GraphQLTransportWSHandler())
routes = [Route("/graphql", graphql), WebSocketRoute("/graphql", graphql)]
app = Starlette(routes=routes, lifespan=lifespan)

if __name__ == "__main__":
    uvicorn.run(app, port=port, log_level="warning", ws_per_message_deflate=False)
