"""The WebSocket endpoint: it accepts sockets of allowed origins that speak our protocol."""

from collections.abc import Callable, Iterable
from datetime import datetime

from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket
from strawberry.http.websocket_origin import (
    is_same_origin,
    normalize_allowed_origins,
    normalize_origin,
)

from execution.refusals import ClientSafeSchema
from subscriptions.connection import Connect, Connection, SocketLimits
from subscriptions.messages import CloseCode

PROTOCOL = "graphql-transport-ws"


class GraphQLSocket:
    """An ASGI endpoint. `now` tells when a token's `expires_at` has come."""

    def __init__(
        self,
        schema: ClientSafeSchema,
        *,
        connect: Connect,
        now: Callable[[], datetime],
        allowed_origins: Iterable[str] = (),
        limits: SocketLimits | None = None,
    ) -> None:
        self._schema = schema
        self._connect = connect
        self._now = now
        self._limits = limits or SocketLimits()
        self._allowed_origins = normalize_allowed_origins(allowed_origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        websocket = WebSocket(scope, receive, send)
        if not self._is_origin_allowed(websocket):
            await websocket.close()  # not accepted yet: the handshake is answered with 403
        elif PROTOCOL not in scope["subprotocols"]:
            await websocket.accept()
            await websocket.close(CloseCode.NOT_ACCEPTABLE, "Subprotocol not acceptable")
        else:
            await websocket.accept(PROTOCOL)
            scope["headers"].clear()  # a KiB that nobody reads from here on
            parts = (self._schema, self._connect, self._now, self._limits)
            await Connection(websocket, *parts).run()

    def _is_origin_allowed(self, websocket: WebSocket) -> bool:
        # Browsers let any page open a socket to us, so its origin is checked.
        origin = websocket.headers.get("origin")
        if origin is None or websocket.headers.get("sec-fetch-site") == "same-origin":
            return True
        if is_same_origin(origin, websocket.headers.get("host")) or "*" in self._allowed_origins:
            return True
        return normalize_origin(origin) in self._allowed_origins


class SocketsFirst:
    """Hands over the sockets of one path at once.

    The layers of an app are for HTTP; a socket would keep some KiB of them as long as it lives.
    """

    def __init__(self, app: ASGIApp, path: str, socket: ASGIApp) -> None:
        self._app = app
        self._path = path
        self._socket = socket

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_socket = scope["type"] == "websocket" and scope["path"] == self._path
        await (self._socket if is_socket else self._app)(scope, receive, send)
