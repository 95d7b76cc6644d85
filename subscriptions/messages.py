"""Reads a client's messages of graphql-transport-ws and writes ours; the close codes."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from sys import intern
from typing import Any

import orjson
from graphql import GraphQLError

ACKNOWLEDGE = b'{"type":"connection_ack"}'
PING = b'{"type":"ping"}'  # without a payload: clients differ in echoing one
# As clients write it: ten thousand idle ones send some hundreds a second.
PONGS = (b'{"type":"pong"}', b'{"type": "pong"}')
NEXT_TAIL = b"}"
CLOSE_REASON_MAX_BYTES = 123  # what a close frame holds


class CloseCode(IntEnum):
    GONE = 1001
    # For a fault or a stalled client. Official clients give up on 1011 and 4500 but come back
    # after 1013, "try again later"; 1012 is the server's own shutdown.
    TRY_AGAIN = 1013
    BAD_MESSAGE = 4400
    UNAUTHORIZED = 4401
    FORBIDDEN = 4403
    NOT_ACCEPTABLE = 4406
    INIT_TIMEOUT = 4408
    DUPLICATE_OPERATION = 4409
    TOO_MANY_INITS = 4429


class CloseError(Exception):
    """The socket must close, with this code and this reason (cut to what a close frame holds)."""

    def __init__(self, code: CloseCode, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason.encode()[:CLOSE_REASON_MAX_BYTES].decode(errors="ignore")


@dataclass(frozen=True, slots=True)
class Initialise:
    parameters: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Subscribe:
    id: str
    query: str
    variables: dict[str, Any] | None
    operation_name: str | None
    extensions: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Complete:
    id: str


@dataclass(frozen=True, slots=True)
class Ping:
    payload: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Pong:
    pass


Message = Initialise | Subscribe | Complete | Ping | Pong


def read(text: str) -> Message:
    """Parse one frame's text; CloseError where it is no message of the protocol."""
    try:
        message = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise CloseError(CloseCode.BAD_MESSAGE, "Message is not JSON") from None
    if not isinstance(message, dict):
        raise CloseError(CloseCode.BAD_MESSAGE, "Message must be an object")
    match message.get("type"):
        case "connection_init":
            return Initialise(_optional_object(message, "payload") or {})
        case "subscribe":
            return _read_subscribe(message)
        case "complete":
            return Complete(_id(message))
        case "ping":
            return Ping(_optional_object(message, "payload"))
        case "pong":
            return Pong()
    raise CloseError(CloseCode.BAD_MESSAGE, "Unknown message type")


def _read_subscribe(message: dict[str, Any]) -> Subscribe:
    payload = message.get("payload")
    if not isinstance(payload, dict) or not isinstance(payload.get("query"), str):
        raise CloseError(CloseCode.BAD_MESSAGE, "Subscribe needs a payload with a query")
    name = payload.get("operationName")
    if name is not None and not isinstance(name, str):
        raise CloseError(CloseCode.BAD_MESSAGE, "'operationName' must be a string")
    return Subscribe(
        id=_id(message),
        query=intern(payload["query"]),  # ten thousand idle ones send the same
        variables=_optional_object(payload, "variables"),
        operation_name=name,
        extensions=_optional_object(payload, "extensions"),
    )


def _id(message: dict[str, Any]) -> str:
    value = message.get("id")
    if not isinstance(value, str) or not value:
        raise CloseError(CloseCode.BAD_MESSAGE, "'id' must be a non-empty string")
    return value


def _optional_object(message: dict[str, Any], key: str) -> dict[str, Any] | None:
    value = message.get(key)
    if value is not None and not isinstance(value, dict):
        raise CloseError(CloseCode.BAD_MESSAGE, f"'{key}' must be an object")
    return value


def next_head(operation_id: str) -> bytes:
    """Open a `next` message: its payload comes next, then NEXT_TAIL."""
    return b'{"id":' + orjson.dumps(operation_id) + b',"type":"next","payload":'


def error_text(operation_id: str, errors: Sequence[GraphQLError]) -> bytes:
    payload = [error.formatted for error in errors]
    return orjson.dumps({"id": operation_id, "type": "error", "payload": payload})


def complete_text(operation_id: str) -> bytes:
    return orjson.dumps({"id": operation_id, "type": "complete"})


def pong_text(payload: dict[str, Any] | None) -> bytes:
    pong: dict[str, Any] = {"type": "pong"}
    return orjson.dumps(pong if payload is None else pong | {"payload": payload})
