"""LiveKit's webhooks at the door: is it really LiveKit, and what does it say?"""

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import jwt

from domain.text import is_storable

MAX_BODY_BYTES = 64 * 1024

_MAX_TOKEN_CHARS = 4096
_LEEWAY_S = 60
_LAST_MS = 4_102_444_800_000  # the year 2100: no fact of ours is later
_INTEGER = re.compile(r"-?[0-9]{1,19}")
_LONGEST_ID = 64
_LONGEST_WORD = 40
_LONGEST_NAME = 256  # LiveKit's own limit for room names and identities

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
    """Not signed, or not by one of our keys, or not for this body, or not for now."""


class MalformedError(Exception):
    """Signed, but nothing we can read. `reason` is a fixed phrase without any of the body in it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One event as LiveKit told it; None is what it did not tell. Times in ms since the epoch.

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
    """Raise BadSignatureError unless one of `keys` (secret by key) signed this very body lately."""
    check_digest(signed_digest(authorization, keys, now), hashlib.sha256(body).digest())


def signed_digest(authorization: str | None, keys: Mapping[str, str], now: datetime) -> str:
    """What one of `keys` signed lately, for `check_digest`; BadSignatureError if none did."""
    claims = _claims(authorization or "", keys)
    _check_times(claims, now.timestamp())
    claimed = claims.get("sha256")
    if not isinstance(claimed, str):
        raise BadSignatureError
    return claimed


def check_digest(claimed: str, digest: bytes) -> None:
    """Raise BadSignatureError unless `digest`, the body's SHA-256, is the one that was signed."""
    if not hmac.compare_digest(claimed.encode("utf-8", "replace"), base64.b64encode(digest)):
        raise BadSignatureError


def _claims(token: str, keys: Mapping[str, str]) -> dict[str, Any]:
    if len(token) > _MAX_TOKEN_CHARS:
        raise BadSignatureError
    try:
        unverified = jwt.decode(token, options={"verify_signature": False})
        secret = keys.get(str(unverified.get("iss")))
        if not secret:
            raise BadSignatureError
        return jwt.decode(
            token,
            secret,
            algorithms=["HS256"],
            # The times are checked against the caller's now, not the wall clock.
            options={"verify_exp": False, "verify_nbf": False, "verify_iat": False},
        )
    except (jwt.PyJWTError, ValueError, RecursionError) as error:
        raise BadSignatureError from error


def _check_times(claims: Mapping[str, Any], now_s: float) -> None:
    expires, begins = claims.get("exp"), claims.get("nbf", 0)
    if not (isinstance(expires, int) and isinstance(begins, int)):
        raise BadSignatureError
    if not begins - _LEEWAY_S <= now_s < expires + _LEEWAY_S:
        raise BadSignatureError


def translate(body: bytes) -> Notice:
    """What the event says. MalformedError for anything that cannot be one; never another error."""
    event = _Fields(_parse(body), "")
    room, person = event.child("room"), event.child("participant")
    notice = Notice(
        id=event.needed("id"),
        event=event.needed("event"),
        created_ms=event.created_ms(),
        room_name=room.text("name", _LONGEST_NAME),
        room_sid=room.text("sid"),
        room_created_ms=room.moment("creationTimeMs", "creationTime"),
        identity=person.text("identity", _LONGEST_NAME),
        participant_sid=person.text("sid"),
        participant_kind=person.enum("kind", "STANDARD"),
        joined_ms=person.moment("joinedAtMs", "joinedAt"),
        is_disconnected=person.enum("state", "JOINING") == "DISCONNECTED",
        disconnect_reason=person.enum("disconnectReason", "UNKNOWN_REASON"),
    )
    return _complete(notice)


def _parse(body: bytes) -> dict[str, Any]:
    if len(body) > MAX_BODY_BYTES:
        raise MalformedError("the body is too large")
    try:
        parsed = json.loads(body.decode())
    except (ValueError, RecursionError) as error:
        raise MalformedError("the body is not JSON") from error
    if not isinstance(parsed, dict):
        raise MalformedError("the body is not a JSON object")
    return parsed


def _complete(notice: Notice) -> Notice:
    for name in _NEEDED.get(notice.event, ()):
        if getattr(notice, name) is None:
            raise MalformedError(f"{name} is missing")
    return notice


class _Fields:
    """Reads one object of protojson, where a field at its default is left out or null."""

    def __init__(self, fields: Mapping[str, Any], path: str) -> None:
        self._fields = fields
        self._path = path

    def child(self, name: str) -> "_Fields":
        value = self._fields.get(name)
        if value is not None and not isinstance(value, dict):
            raise self._malformed(name)
        return _Fields(value or {}, f"{name}.")

    def text(self, name: str, longest: int = _LONGEST_ID) -> str | None:
        value = self._fields.get(name)
        if value is None or value == "":
            return None
        if not isinstance(value, str) or len(value) > longest or not is_storable(value):
            raise self._malformed(name)
        return value

    def needed(self, name: str) -> str:
        value = self.text(name)
        if value is None:
            raise MalformedError(f"{self._path}{name} is missing")
        return value

    def enum(self, name: str, default: str) -> str | None:
        """None where the object itself is not there. A number is a value newer than its sender."""
        if not self._fields:
            return None
        value = self._fields.get(name) or None
        if _is_integer(value):
            return str(value)[:_LONGEST_WORD]
        return self.text(name, _LONGEST_WORD) or default

    def created_ms(self) -> int:
        created_ms = self.moment("createdAtMs", "createdAt")
        if created_ms is None:
            raise MalformedError("createdAt is missing")
        return created_ms

    def moment(self, name_ms: str, name_s: str) -> int | None:
        """A time in ms, from the field that has it to the ms or else the one in seconds."""
        value_ms = self._integer(name_ms) or self._integer(name_s) * 1000
        if not 0 <= value_ms < _LAST_MS:
            raise self._malformed(name_ms)
        return value_ms or None

    def _integer(self, name: str) -> int:
        """64-bit integers come as strings."""
        value = self._fields.get(name)
        if value is None:
            return 0
        if _is_integer(value) or (isinstance(value, str) and _INTEGER.fullmatch(value)):
            return int(value)
        raise self._malformed(name)

    def _malformed(self, name: str) -> MalformedError:
        return MalformedError(f"{self._path}{name} is not what it should be")


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
