"""Encodes and decodes global ids: opaque to clients, a kind and a number to us."""

import base64
import binascii
import re
from enum import StrEnum

import strawberry

from domain.errors import NotFoundError

_ID = re.compile(r"([A-Z][A-Za-z]+):([1-9][0-9]{0,9})")
_MAX_NUMBER = 2**31 - 1


class Kind(StrEnum):
    ACADEMY = "Academy"
    USER = "User"
    GROUP = "Group"
    SESSION = "Session"
    ATTENDANCE = "Attendance"
    ACCESS_KEY = "AccessKey"


def encode(kind: Kind, number: int) -> strawberry.ID:
    # Base64 of letters, digits and a colon has none of + and /.
    raw = (kind + f":{number}").encode()
    return strawberry.ID(binascii.b2a_base64(raw, newline=False).decode())


def decode(global_id: str) -> tuple[Kind, int] | None:
    """Return the kind and the number, or None for text that is not one of our ids."""
    try:
        found = _ID.fullmatch(base64.urlsafe_b64decode(global_id).decode())
        number = int(found[2]) if found else 0
        return (Kind(found[1]), number) if found and number <= _MAX_NUMBER else None
    except (ValueError, binascii.Error):
        return None


def number_of(kind: Kind, global_id: str) -> int | None:
    """Return the number of an id of this kind, or None for any other text."""
    found = decode(global_id)
    return found[1] if found and found[0] is kind else None


def require_number(kind: Kind, global_id: str, *field: str) -> int:
    """Return the number of an id of this kind, or raise NOT_FOUND for any other text."""
    number = number_of(kind, global_id)
    if number is None:
        raise NotFoundError(f"No such {kind.lower()}.", field or None)
    return number


def optional_number(kind: Kind, global_id: str | None) -> int | None:
    """Return the number of an id that may be left out: None without one, 0 for a bad id.

    No row has the number 0.
    """
    return (number_of(kind, global_id) or 0) if global_id is not None else None
