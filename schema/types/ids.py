"""Global ids: opaque to clients, a kind and a number to us."""

import base64
import binascii
import re
from enum import StrEnum

import strawberry

from domain.errors import NotFoundError

_ID = re.compile(r"([A-Z][A-Za-z]+):([1-9][0-9]{0,9})")
_LARGEST = 2**31 - 1


class Kind(StrEnum):
    ACADEMY = "Academy"
    USER = "User"
    GROUP = "Group"
    SESSION = "Session"
    ATTENDANCE = "Attendance"
    ACCESS_KEY = "AccessKey"


def encode(kind: Kind, number: int) -> strawberry.ID:
    return strawberry.ID(base64.urlsafe_b64encode(f"{kind}:{number}".encode()).decode())


def decode(global_id: str) -> tuple[Kind, int] | None:
    """None for what was never one of our ids."""
    try:
        found = _ID.fullmatch(base64.urlsafe_b64decode(global_id).decode())
        number = int(found[2]) if found else 0
        return (Kind(found[1]), number) if found and number <= _LARGEST else None
    except (ValueError, binascii.Error):
        return None


def number_of(kind: Kind, global_id: str) -> int | None:
    found = decode(global_id)
    return found[1] if found and found[0] is kind else None


def need(kind: Kind, global_id: str, *field: str) -> int:
    """The number, or NOT_FOUND: an id of another kind names nothing of this one."""
    number = number_of(kind, global_id)
    if number is None:
        raise NotFoundError(f"No such {kind.lower()}.", field or None)
    return number


def asked(kind: Kind, global_id: str | None) -> int | None:
    """The number an input names: None where none is named, 0, which nothing has, for a bad id."""
    return (number_of(kind, global_id) or 0) if global_id is not None else None
