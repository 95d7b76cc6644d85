"""How stays open: told by LiveKit, or found by the reconciler."""

from dataclasses import dataclass
from enum import StrEnum

from domain.attendance.lines import EventKind, Line


class CycleStart(StrEnum):
    JOINED = "JOINED"
    LEFT_ONLY = "LEFT_ONLY"
    RECONCILED = "RECONCILED"
    CLIENT_REPORT = "CLIENT_REPORT"


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """The start of one participant sid's stay, in ms."""

    sid: str
    opened_by: CycleStart
    joined_ms: int
    earliest_ms: int  # before joined_ms where LiveKit never told when the stay began
    identity: str | None
    alive_ms: int | None  # the last sign of life of the person's stay before it

    def replaces(self, older: "Opening") -> bool:
        """LiveKit admits an identity once: its newer connection ends the older one."""
        is_same = self.identity is not None and self.identity == older.identity
        return is_same and self.joined_ms > older.joined_ms


def opening_of(sid: str, own: list[Line]) -> Opening | None:
    """Find how a sid's lines open its stay; None if they open none, as an aborted connection."""
    kinds = {line.kind for line in own}
    if any(line.opens for line in own):
        opened_by = CycleStart.JOINED
    elif EventKind.LEFT in kinds:
        opened_by = CycleStart.LEFT_ONLY
    elif EventKind.SEEN in kinds:
        opened_by = CycleStart.RECONCILED
    else:
        return None
    told = [line.joined_ms for line in own if line.joined_ms is not None]
    joined_ms = min(told or [line.occurred_ms for line in own])
    created = [line.room_created_ms for line in own if line.room_created_ms is not None]
    signs = [line.alive_ms for line in own if line.opens and line.alive_ms is not None]
    return Opening(
        sid=sid,
        opened_by=opened_by,
        joined_ms=joined_ms,
        earliest_ms=joined_ms if told else min([joined_ms, *created]),
        identity=min((line.identity for line in own if line.identity), default=None),
        alive_ms=max(signs, default=None),
    )
