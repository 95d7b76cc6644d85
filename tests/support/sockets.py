"""A graphql-transport-ws client that hides nothing: it sends and reads frames."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from tests.support.patience import PATIENCE_S, within

PING = {"type": "ping"}
INIT = '{"type":"connection_init"}'


@asynccontextmanager
async def dial(url: str, **options: Any) -> AsyncIterator[ClientConnection]:
    options = {"subprotocols": ["graphql-transport-ws"], **options}
    async with connect(url.replace("http", "ws") + "/graphql", **options) as socket:
        yield socket


@asynccontextmanager
async def signed_in(url: str) -> AsyncIterator[ClientConnection]:
    async with dial(url) as socket:
        await socket.send(INIT)
        assert await heard(socket) == {"type": "connection_ack"}
        yield socket


async def heard(socket: ClientConnection) -> Any:
    """Answer pings, which come where a test takes long, and return the first other message."""
    while (message := await received(socket)) == PING:
        await socket.send('{"type":"pong"}')
    return message


async def received(socket: ClientConnection) -> Any:
    async with within(PATIENCE_S, "a frame on the socket"):
        return json.loads(await socket.recv())


async def ended(socket: ClientConnection) -> tuple[int, str]:
    async with within(PATIENCE_S, "the server closes the socket"):
        await socket.wait_closed()
    return socket.close_code or 0, socket.close_reason or ""


def subscribe(query: object, operation_id: str = "1", **payload: Any) -> str:
    payload = {"query": query, **payload}
    return json.dumps({"id": operation_id, "type": "subscribe", "payload": payload})
