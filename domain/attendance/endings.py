"""The end of a stay, with its bounds, and the end that LiveKit tells, which is for good."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from domain.attendance.lines import (
    CONNECTION_TIMEOUT,
    SILENCE_MAX_MS,
    SILENCE_MIN_MS,
    EventKind,
    Line,
    end_of_leave,
    happened_ms,
)


class Confidence(StrEnum):
    """Says how sure a time is; the weakest is the last."""

    CONFIRMED = "CONFIRMED"
    RECONCILED = "RECONCILED"
    ESTIMATED = "ESTIMATED"
    REPORTED = "REPORTED"


class CycleEnd(StrEnum):
    LEFT = "LEFT"
    CONNECTION_LOST = "CONNECTION_LOST"
    REPLACED = "REPLACED"
    REMOVED = "REMOVED"
    ROOM_FINISHED = "ROOM_FINISHED"
    RECONCILED = "RECONCILED"
    STALE = "STALE"
    CLIENT_REPORT = "CLIENT_REPORT"


RANKS = {confidence: rank for rank, confidence in enumerate(Confidence)}
_END_BY_REASON = {
    "DUPLICATE_IDENTITY": CycleEnd.REPLACED,
    "PARTICIPANT_REMOVED": CycleEnd.REMOVED,
    "CONNECTION_TIMEOUT": CycleEnd.CONNECTION_LOST,
    "ROOM_DELETED": CycleEnd.ROOM_FINISHED,
    "ROOM_CLOSED": CycleEnd.ROOM_FINISHED,
}


def weakest(confidences: Iterable[Confidence]) -> Confidence:
    return max(confidences, key=RANKS.__getitem__, default=Confidence.CONFIRMED)


@dataclass(frozen=True, slots=True)
class End:
    at_ms: int
    closed_by: CycleEnd
    confidence: Confidence


def stale_end(at_ms: int) -> End:
    """Make an end that nothing told: the stay is known until then."""
    return End(at_ms, CycleEnd.STALE, Confidence.ESTIMATED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """A stay's end as it counts, and its bounds. A bound of None grows as long as the stay may."""

    end: End | None
    at_least_ms: int | None
    at_most_ms: int | None
    away_until_ms: int | None = None  # our door was shut until then, and no sign came since
    is_reported_over: bool = False  # only the person's own page says that it ended


def told_ending(own: list[Line], joined_ms: int) -> Ending | None:
    """Find the end that LiveKit told, the earliest of several: no sid opens a second time."""
    leaves = [line for line in own if line.kind is EventKind.LEFT]
    if any(line.opens for line in own):  # else the aborted connection never was a stay
        leaves += [line for line in own if line.kind is EventKind.CONNECTION_ABORTED]
    if not leaves:
        return None
    first = min(leaves, key=lambda line: (end_of_leave(line, joined_ms), line.source_id))
    closed_by = _END_BY_REASON.get(first.disconnect_reason or "", CycleEnd.LEFT)
    at_ms = end_of_leave(first, joined_ms)
    if first.disconnect_reason != CONNECTION_TIMEOUT:
        end = End(at_ms, closed_by, Confidence.CONFIRMED)
        return Ending(end=end, at_least_ms=at_ms, at_most_ms=at_ms)
    noticed_ms = happened_ms(first)
    return Ending(
        end=End(at_ms, closed_by, Confidence.ESTIMATED),
        at_least_ms=max(joined_ms, noticed_ms - SILENCE_MAX_MS),
        at_most_ms=max(joined_ms, noticed_ms - SILENCE_MIN_MS),
    )
