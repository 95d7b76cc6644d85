"""Cursors: opaque places in a session's stream, or in a list that is ordered by a key."""

import base64
import binascii
import json
from typing import NamedTuple

_STREAM = "s2"


class Place(NamedTuple):
    """A version of a session's stream, and the mark of the event there; 0 before the first one.

    After a restore from a backup the same version is reached again by another event, whose mark
    is another one.
    """

    version: int
    mark: int


def _pack(*parts: object) -> str:
    raw = json.dumps(parts, separators=(",", ":"), ensure_ascii=False).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _unpack(cursor: str) -> list[object] | None:
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        parts = json.loads(raw)
    except (ValueError, binascii.Error, RecursionError):
        return None
    return parts if isinstance(parts, list) else None


def stream_cursor(session_id: int, version: int, mark: int) -> str:
    # Written for each event, so without json; base64 of these characters has none of + and /.
    raw = f'["{_STREAM}",{session_id},{version},{mark}]'.encode()
    return binascii.b2a_base64(raw, newline=False).rstrip(b"=").decode()


def stream_place(cursor: str, session_id: int) -> Place | None:
    """Read the place from a cursor; None if it is malformed, old, or of another session."""
    match _unpack(cursor):
        case [str(form), int(owner), int(version), int(mark)]:
            is_place = form == _STREAM and owner == session_id and version >= 0
            return Place(version, mark) if is_place else None
        case _:
            return None


def list_cursor(*key: str | int) -> str:
    return _pack("k1", *key)


def list_place(cursor: str) -> list[str | int] | None:
    """Read the key after which a list continues; None if the cursor is malformed."""
    match _unpack(cursor):
        case [str(form), *key] if form == "k1":
            return [part for part in key if isinstance(part, str | int)]
        case _:
            return None
