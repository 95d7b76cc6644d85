"""LiveKit's webhooks: check that LiveKit signed a request, and read what it says."""

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

_TOKEN_MAX_CHARS = 4096
_LEEWAY_S = 60
_END_MS = 4_102_444_800_000  # the year 2100: a later time is an error
_INTEGER = re.compile(r"-?[0-9]{1,19}")
_ID_MAX_CHARS = 64
_WORD_MAX_CHARS = 40
_NAME_MAX_CHARS = 256  # LiveKit's own limit for room names and identities

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
    claims = _verified_claims(authorization or "", keys)
    starts, expires = claims.get("nbf", 0), claims.get("exp")
    if not (isinstance(starts, int) and isinstance(expires, int)):
        raise BadSignatureError
    if not starts - _LEEWAY_S <= now.timestamp() < expires + _LEEWAY_S:
        raise BadSignatureError
    digest = claims.get("sha256")
    if not isinstance(digest, str):
        raise BadSignatureError
    return digest


def check_digest(signed: str, digest: bytes) -> None:
    """Raise BadSignatureError unless `digest`, the body's SHA-256, is the signed one."""
    if not hmac.compare_digest(signed.encode("utf-8", "replace"), base64.b64encode(digest)):
        raise BadSignatureError


def _verified_claims(token: str, keys: Mapping[str, str]) -> dict[str, Any]:
    if len(token) > _TOKEN_MAX_CHARS:
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
            # The caller checks the times against its `now`, not the wall clock.
            options={"verify_exp": False, "verify_nbf": False, "verify_iat": False},
        )
    except (jwt.PyJWTError, ValueError, RecursionError) as error:
        raise BadSignatureError from error


def translate(body: bytes) -> Notice:
    """Return what the event says; raise MalformedError, and no other error, when it is no event."""
    if len(body) > MAX_BODY_BYTES:
        raise MalformedError("the body is too large")
    try:
        parsed = json.loads(body.decode())
    except (ValueError, RecursionError) as error:
        raise MalformedError("the body is not JSON") from error
    if not isinstance(parsed, dict):
        raise MalformedError("the body is not a JSON object")
    event = _Fields(parsed, "")
    room, person = event.child("room"), event.child("participant")
    notice = Notice(
        id=event.needed("id"),
        event=event.needed("event"),
        created_ms=event.created_ms(),
        room_name=room.text("name", _NAME_MAX_CHARS),
        room_sid=room.text("sid"),
        room_created_ms=room.moment("creationTimeMs", "creationTime"),
        identity=person.text("identity", _NAME_MAX_CHARS),
        participant_sid=person.text("sid"),
        participant_kind=person.enum("kind", "STANDARD"),
        joined_ms=person.moment("joinedAtMs", "joinedAt"),
        is_disconnected=person.enum("state", "JOINING") == "DISCONNECTED",
        disconnect_reason=person.enum("disconnectReason", "UNKNOWN_REASON"),
    )
    for name in _NEEDED.get(notice.event, ()):
        if getattr(notice, name) is None:
            raise MalformedError(f"{name} is missing")
    return notice


class _Fields:
    """Read one object of protojson, which leaves out a field at its default or writes null."""

    def __init__(self, fields: Mapping[str, Any], path: str) -> None:
        self._fields = fields
        self._path = path

    def child(self, name: str) -> "_Fields":
        value = self._fields.get(name)
        if value is not None and not isinstance(value, dict):
            raise self._malformed(name)
        return _Fields(value or {}, f"{name}.")

    def text(self, name: str, max_chars: int = _ID_MAX_CHARS) -> str | None:
        value = self._fields.get(name)
        if value is None or value == "":
            return None
        if not isinstance(value, str) or len(value) > max_chars or not is_storable(value):
            raise self._malformed(name)
        return value

    def needed(self, name: str) -> str:
        """Return a text that must not be missing or empty."""
        value = self.text(name)
        if value is None:
            raise MalformedError(f"{self._path}{name} is missing")
        return value

    def enum(self, name: str, default: str) -> str | None:
        """Return the word, or the number of a value for which the sender has no word; None when
        the object is missing."""
        if not self._fields:
            return None
        value = self._fields.get(name) or None
        if _is_integer(value):
            return str(value)[:_WORD_MAX_CHARS]
        return self.text(name, _WORD_MAX_CHARS) or default

    def created_ms(self) -> int:
        created_ms = self.moment("createdAtMs", "createdAt")
        if created_ms is None:
            raise MalformedError("createdAt is missing")
        return created_ms

    def moment(self, name_ms: str, name_s: str) -> int | None:
        """Return a time in ms, from the field in ms or else from the one in seconds."""
        value_ms = self._integer(name_ms) or self._integer(name_s) * 1000
        if not 0 <= value_ms < _END_MS:
            raise self._malformed(name_ms)
        return value_ms or None

    def _integer(self, name: str) -> int:
        """Return an integer; protojson writes 64-bit integers as strings."""
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
