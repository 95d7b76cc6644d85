"""Finds the end of a stay: told by LiveKit, for good, or inferred until better evidence comes."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from domain.attendance.lines import (
    CONNECTION_TIMEOUT,
    EventKind,
    Line,
    Room,
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


# A missed stay whose last sign of life is older than this was not watched all the time.
RECONCILED_WITHIN_MS = 30_000

_RANKS = {confidence: rank for rank, confidence in enumerate(Confidence)}
_END_BY_REASON = {
    "DUPLICATE_IDENTITY": CycleEnd.REPLACED,
    "PARTICIPANT_REMOVED": CycleEnd.REMOVED,
    "CONNECTION_TIMEOUT": CycleEnd.CONNECTION_LOST,
    "ROOM_DELETED": CycleEnd.ROOM_FINISHED,
    "ROOM_CLOSED": CycleEnd.ROOM_FINISHED,
}


@dataclass(frozen=True, slots=True)
class End:
    at_ms: int
    closed_by: CycleEnd
    confidence: Confidence


class RoomLog(NamedTuple):
    """The session's lines about its room: each life of it, and the ends that LiveKit told."""

    lives: list[Room]
    finishes: list[Line]


class _Inference(NamedTuple):
    """An end inferred from what was true at `known_ms`: a later sign of life refutes it."""

    known_ms: int
    end: End


def weakest(confidences: Iterable[Confidence]) -> Confidence:
    return max(confidences, key=_RANKS.__getitem__, default=Confidence.CONFIRMED)


def told_end(own: list[Line], joined_ms: int) -> End | None:
    """Find the end that LiveKit told, the earliest of several: no sid opens a second time."""
    leaves = [line for line in own if line.kind is EventKind.LEFT]
    if any(line.opens for line in own):  # else the aborted connection never was a stay
        leaves += [line for line in own if line.kind is EventKind.CONNECTION_ABORTED]
    if not leaves:
        return None
    first = min(leaves, key=lambda line: (end_of_leave(line), line.source_id))
    closed_by = _END_BY_REASON.get(first.disconnect_reason or "", CycleEnd.LEFT)
    is_timeout = first.disconnect_reason == CONNECTION_TIMEOUT
    confidence = Confidence.ESTIMATED if is_timeout else Confidence.CONFIRMED
    return End(max(end_of_leave(first), joined_ms), closed_by, confidence)


def inferred_end(
    own: list[Line],
    room: RoomLog,
    leaves: list[Line],
    *,
    joined_ms: int,
    ended_ms: int | None,
) -> End | None:
    """Infer the earliest end that the reconciler, the clock, the page or the room speaks for.

    `own` are the stay's lines, `leaves` its page's reports that it is over, `ended_ms` is the
    session's real end.
    """
    seen = [line.occurred_ms for line in own if line.kind is EventKind.SEEN]
    alive_ms = max([joined_ms, *seen])  # to join is a sign of life too
    inferences = _ends_by_room(own, room, joined_ms=joined_ms, alive_ms=alive_ms)
    for line in own:
        known_ms = line.occurred_ms
        at_ms = _last_sign(line.alive_ms, alive_ms, known_ms=known_ms)
        if line.kind is EventKind.NOT_SEEN:
            is_near = known_ms - at_ms <= RECONCILED_WITHIN_MS
            confidence = Confidence.RECONCILED if is_near else Confidence.ESTIMATED
            inferences.append(_Inference(known_ms, End(at_ms, CycleEnd.RECONCILED, confidence)))
        elif line.kind is EventKind.EXPIRED:
            inferences.append(_Inference(known_ms, _stale(at_ms)))
    left = [line.occurred_ms for line in leaves if line.occurred_ms >= joined_ms]
    if left and alive_ms <= min(left):  # a page that was wrong once is not believed again
        for at_ms in left:
            end = End(at_ms, CycleEnd.CLIENT_REPORT, Confidence.REPORTED)
            inferences.append(_Inference(at_ms, end))
    ends = [end for known_ms, end in inferences if known_ms >= alive_ms]
    if ended_ms is not None:
        ends.append(_stale(ended_ms))
    return min(
        ends, key=lambda end: (end.at_ms, _RANKS[end.confidence], end.closed_by), default=None
    )


def _ends_by_room(
    own: list[Line], room: RoomLog, *, joined_ms: int, alive_ms: int
) -> list[_Inference]:
    """Infer ends from the finish of the stay's room, and from the first room made after it.

    A killed LiveKit never tells that a room is over: the next room shows that it was.
    """
    room_sid = min((line.room_sid for line in own if line.room_sid is not None), default=None)
    finished = [
        happened_ms(line)
        for line in room.finishes
        if room_sid is not None and line.room_sid == room_sid
    ]
    inferences = [
        _Inference(at_ms, End(at_ms, CycleEnd.ROOM_FINISHED, Confidence.ESTIMATED))
        for at_ms in finished
    ]
    # A room that LiveKit told to be finished was alive until then, whatever came after it.
    room_alive_ms = max([alive_ms, *finished])
    # An unknown room was there when somebody joined it: only a room made later is newer.
    created_ms = next((life.created_ms for life in room.lives if life.sid == room_sid), joined_ms)
    for life in room.lives:
        if life.created_ms > created_ms and life.created_ms >= room_alive_ms:
            at_ms = _last_sign(life.alive_ms, room_alive_ms, known_ms=life.created_ms)
            return [*inferences, _Inference(life.created_ms, _stale(at_ms))]
    return inferences


def _last_sign(told_ms: int | None, alive_ms: int, *, known_ms: int) -> int:
    """Bound the sign of life that a line tells; without one, the stay's own last sign counts.

    That may be its start: its true end is unknown, and nobody gets time that nobody saw.
    """
    return alive_ms if told_ms is None else max(alive_ms, min(told_ms, known_ms))


def _stale(at_ms: int) -> End:
    return End(at_ms, CycleEnd.STALE, Confidence.ESTIMATED)
