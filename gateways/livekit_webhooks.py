"""LiveKit's webhooks: check that LiveKit signed a request, and read what it says."""

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

import jwt

from domain.text import is_storable

MAX_BODY_BYTES = 64 * 1024

_TOKEN_MAX_CHARS = 4096
_LEEWAY_S = 60
_END_MS = 4_102_444_800_000  # the year 2100: a later time is an error
_INTEGER = re.compile(r"-?[0-9]{1,19}")
_ID_MAX_CHARS = 64
_WORD_MAX_CHARS = 40
_NAME_MAX_CHARS = 256  # LiveKit's own limit for room names and identities

_ALWAYS_NEEDED = ("id", "event", "created_ms")
_NEEDS_ROOM = ("room_name", "room_sid")
_NEEDS_PERSON = (*_NEEDS_ROOM, "participant_sid", "identity", "joined_ms")
_NEEDED = {
    "room_started": _NEEDS_ROOM,
    "room_finished": _NEEDS_ROOM,
    "participant_joined": _NEEDS_PERSON,
    "participant_left": _NEEDS_PERSON,
    "participant_connection_aborted": _NEEDS_PERSON,
}


class BadSignatureError(Exception):
    """The request is not signed, or by an unknown key, or for another body or another time."""


class MalformedError(Exception):
    """The body is signed but unreadable. `reason` is a fixed phrase without the body's text."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One event as LiveKit says it; None means it did not say. Times are ms since the epoch.

    `created_ms` has whole seconds only, cut off. Room events have `room_name` and `room_sid`;
    participant events `participant_sid`, `identity` and `joined_ms` as well.
    """

    id: str
    event: str
    created_ms: int
    room_name: str | None = None
    room_sid: str | None = None
    room_created_ms: int | None = None
    identity: str | None = None
    participant_sid: str | None = None
    participant_kind: str | None = None
    joined_ms: int | None = None
    is_disconnected: bool = False
    disconnect_reason: str | None = None


def verify(body: bytes, authorization: str | None, keys: Mapping[str, str], now: datetime) -> None:
    """Raise BadSignatureError unless one of `keys` (secrets by key) signed this body for now."""
    check_digest(signed_digest(authorization, keys, now), hashlib.sha256(body).digest())


def signed_digest(authorization: str | None, keys: Mapping[str, str], now: datetime) -> str:
    """Return the body's digest that one of `keys` signed for now, for `check_digest`.

    Raises BadSignatureError when none of them did. The clocks may differ by a minute.
    """
    token = authorization or ""
    if len(token) > _TOKEN_MAX_CHARS:
        raise BadSignatureError
    try:
        unverified = jwt.decode(token, options={"verify_signature": False})
        secret = keys.get(str(unverified.get("iss")))
        if not secret:
            raise BadSignatureError
        claims = jwt.decode(
            token,
            secret,
            algorithms=["HS256"],
            # The times are checked below against `now`, not against the wall clock.
            options={"verify_exp": False, "verify_nbf": False, "verify_iat": False},
        )
    except (jwt.PyJWTError, ValueError, RecursionError) as error:
        raise BadSignatureError from error
    starts, expires, digest = claims.get("nbf", 0), claims.get("exp"), claims.get("sha256")
    if not (isinstance(starts, int) and isinstance(expires, int) and isinstance(digest, str)):
        raise BadSignatureError
    if not starts - _LEEWAY_S <= now.timestamp() < expires + _LEEWAY_S:
        raise BadSignatureError
    return digest


def check_digest(signed: str, digest: bytes) -> None:
    """Raise BadSignatureError unless `digest`, the body's SHA-256, is the signed one."""
    if not hmac.compare_digest(signed.encode("utf-8", "replace"), base64.b64encode(digest)):
        raise BadSignatureError


def translate(body: bytes) -> Notice:
    """Return what the event says; raise MalformedError, and no other error, when it is no event."""
    if len(body) > MAX_BODY_BYTES:
        raise MalformedError("the body is too large")
    try:
        event = json.loads(body.decode())
    except (ValueError, RecursionError) as error:
        raise MalformedError("the body is not JSON") from error
    if not isinstance(event, dict):
        raise MalformedError("the body is not a JSON object")
    parts = {"": event}
    for part in ("room", "participant"):
        parts[part] = {} if event.get(part) is None else event[part]
        if not isinstance(parts[part], dict):
            raise MalformedError(f"{part} is not what it should be")
    values: dict[str, Any] = {}
    for field, (part, name, read) in _FIELDS.items():
        try:
            values[field] = read(parts[part], name)
        except ValueError:
            where = f"{part}.{name}" if part else name
            raise MalformedError(f"{where} is not what it should be") from None
    for field in (*_ALWAYS_NEEDED, *_NEEDED.get(values["event"], ())):
        if values[field] is None:
            raise MalformedError(f"{field} is missing")
    return Notice(is_disconnected=values.pop("state") == "DISCONNECTED", **values)


# What follows reads one field of an object of protojson, which leaves out a field at its default
# or writes null. A value that the field cannot have is a ValueError.


def _text(found: Mapping[str, Any], name: str, max_chars: int = _ID_MAX_CHARS) -> str | None:
    value = found.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str) or len(value) > max_chars or not is_storable(value):
        raise ValueError
    return value


def _word(found: Mapping[str, Any], name: str, default: str) -> str | None:
    """Return an enum's word, or the number of a value for which the sender has no word; None when
    the object is missing."""
    if not found:
        return None
    value = found.get(name)
    if type(value) is int:
        return str(value)[:_WORD_MAX_CHARS] if value else default
    return _text(found, name, _WORD_MAX_CHARS) or default


def _moment(found: Mapping[str, Any], name: str) -> int | None:
    """Return a time in ms, from the field in ms or else from the one in seconds."""
    for field, ms in ((f"{name}Ms", 1), (name, 1000)):
        value = found.get(field)
        if isinstance(value, str) and _INTEGER.fullmatch(value):
            value = int(value)  # protojson writes 64-bit integers as strings
        if value is None:
            continue
        if type(value) is not int or not 0 <= value * ms < _END_MS:
            raise ValueError
        if value:
            return value * ms
    return None


_name = partial(_text, max_chars=_NAME_MAX_CHARS)

# The fields of a Notice, with `state` for `is_disconnected`: the part of the event that has each
# ("": the event itself), its name there, and what reads it.
_FIELDS: dict[str, tuple[str, str, Callable[[Mapping[str, Any], str], Any]]] = {
    "id": ("", "id", _text),
    "event": ("", "event", _text),
    "created_ms": ("", "createdAt", _moment),
    "room_name": ("room", "name", _name),
    "room_sid": ("room", "sid", _text),
    "room_created_ms": ("room", "creationTime", _moment),
    "identity": ("participant", "identity", _name),
    "participant_sid": ("participant", "sid", _text),
    "participant_kind": ("participant", "kind", partial(_word, default="STANDARD")),
    "joined_ms": ("participant", "joinedAt", _moment),
    "state": ("participant", "state", partial(_word, default="JOINING")),
    "disconnect_reason": (
        "participant",
        "disconnectReason",
        partial(_word, default="UNKNOWN_REASON"),
    ),
}
