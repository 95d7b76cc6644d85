"""People in front of a screen: each on a socket of their own, with one operation on it."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.client import ClientConnection

from models import User
from tests.support.app import Served, headers
from tests.support.sockets import dial, ended, heard, subscribe

SESSION = """
subscription ($session: ID!) { sessionEvents(sessionId: $session) { __typename sequence } }
"""
ROSTER = """
subscription ($session: ID!) { sessionPresence(sessionId: $session) { __typename version } }
"""
ROW = """
subscription ($session: ID!, $user: ID!) {
  attendance(sessionId: $session, userId: $user) { version attendance { presence isBarred } }
}
"""
SYSTEM = "subscription { systemStatus { isHealthy } }"


class Watcher:
    """Reads one operation of one socket."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    async def next(self) -> dict[str, Any]:
        """The next event, the one field of its data."""
        frame = await heard(self.socket)
        assert frame["type"] == "next", frame
        (event,) = frame["payload"]["data"].values()
        return dict(event)

    async def refusal(self) -> str:
        """The code of the one error that ends the operation; the socket stays open."""
        frame = await heard(self.socket)
        assert frame["type"] == "error", frame
        (error,) = frame["payload"]
        assert await self.is_connected()
        return str(error["extensions"]["code"])

    async def close(self) -> tuple[int, str]:
        return await ended(self.socket)

    async def is_connected(self) -> bool:
        await self.socket.send('{"type":"ping"}')
        while (frame := await heard(self.socket))["type"] == "next":
            pass
        return bool(frame == {"type": "pong"})


@asynccontextmanager
async def watching(
    served: Served, person: User, query: str = SESSION, **variables: Any
) -> AsyncIterator[Watcher]:
    """A watcher that has read its first event."""
    async with dial(served.url) as socket:
        await socket.send(json.dumps({"type": "connection_init", "payload": headers(person)}))
        assert await heard(socket) == {"type": "connection_ack"}
        await socket.send(subscribe(query, variables=variables))
        watcher = Watcher(socket)
        await watcher.next()
        yield watcher
