"""What ends a stay: LiveKit's word, for good, or else a conclusion that better evidence undoes."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from domain.attendance.lines import EventKind, EventSource, Line, Room, end_of_leave, happened_ms


class Confidence(StrEnum):
    """How sure a time is; the weakest is the last."""

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


# Two looks missed them, one after the other: if the last sign of life is older, nobody looked on.
LOOKED_ON_MS = 30_000

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
    """What the session's lines tell of its room: each life of it, and the ends that were told."""

    lives: list[Room]
    finishes: list[Line]


class _Inference(NamedTuple):
    """An end concluded from what was so at `known_ms`: a later sign of life refutes it."""

    known_ms: int
    end: End


def weakest(confidences: Iterable[Confidence]) -> Confidence:
    return max(confidences, key=_RANKS.__getitem__, default=Confidence.CONFIRMED)


def told_end(own: list[Line], joined_ms: int) -> End | None:
    """The end by LiveKit's word, the earliest of several: nothing opens that sid again."""
    leaves = [line for line in own if line.kind is EventKind.LEFT]
    if any(line.opens for line in own):  # else the abort is of a connection that never was
        leaves += [line for line in own if line.kind is EventKind.CONNECTION_ABORTED]
    if not leaves:
        return None
    first = min(leaves, key=lambda line: (end_of_leave(line), line.source_id))
    closed_by = _END_BY_REASON.get(first.disconnect_reason or "", CycleEnd.LEFT)
    confidence = Confidence.ESTIMATED if first.is_timeout else Confidence.CONFIRMED
    return End(max(end_of_leave(first), joined_ms), closed_by, confidence)


def inferred_end(
    own: list[Line],
    room: RoomLog,
    leaves: list[Line],
    *,
    joined_ms: int,
    ended_ms: int | None,
) -> End | None:
    """The earliest end that the sid's lines, the rooms, its page or the session's end speak for."""
    seen = [line.occurred_ms for line in own if line.kind is EventKind.SEEN]
    # To have joined is a sign of life too: what was so before it cannot have ended the stay.
    alive_ms = max([joined_ms, *seen])
    room_sid = min((line.room_sid for line in own if line.room_sid is not None), default=None)
    finished = list(_ends_by_finish(room.finishes, room_sid))
    # A room that was told to be finished was alive till then, whatever came after it.
    room_alive_ms = max([alive_ms, *(inference.known_ms for inference in finished)])
    newer = _ends_by_newer_room(room.lives, room_sid, joined_ms=joined_ms, alive_ms=room_alive_ms)
    said = *_ends_by_look_or_clock(own, alive_ms), *_ends_by_report(leaves, seen, joined_ms)
    inferences = [*said, *finished, *newer]
    ends = [end for known_ms, end in inferences if known_ms >= alive_ms]
    if ended_ms is not None:
        ends.append(_stale(ended_ms))
    return min(ends, key=_order, default=None)


def _ends_by_look_or_clock(own: list[Line], alive_ms: int) -> Iterator[_Inference]:
    for line in own:
        at_ms = _last_sign(line.alive_ms, alive_ms, known_ms=line.occurred_ms)
        if line.kind is EventKind.NOT_SEEN:
            yield _Inference(line.occurred_ms, _missed(at_ms, line.occurred_ms))
        elif line.kind is EventKind.EXPIRED:
            yield _Inference(line.occurred_ms, _stale(at_ms))


def _missed(at_ms: int, known_ms: int) -> End:
    is_near = known_ms - at_ms <= LOOKED_ON_MS
    confidence = Confidence.RECONCILED if is_near else Confidence.ESTIMATED
    return End(at_ms, CycleEnd.RECONCILED, confidence)


def reported_leaves(reports: Iterable[Line], sid: str) -> list[Line]:
    """What a stay's page said of its leave. It cannot take that back: only a look can."""
    own = [line for line in reports if line.source is EventSource.CLIENT and line.is_about(sid)]
    return [line for line in own if line.kind is EventKind.LEFT]


def _ends_by_report(leaves: list[Line], seen: list[int], joined_ms: int) -> Iterator[_Inference]:
    """A page that said once of this stay that it is over, and it was not, is believed no more."""
    believed = [line for line in leaves if line.occurred_ms >= joined_ms]
    first_ms = min((line.occurred_ms for line in believed), default=None)
    if first_ms is not None and any(at_ms > first_ms for at_ms in seen):
        return
    for line in believed:
        end = End(line.occurred_ms, CycleEnd.CLIENT_REPORT, Confidence.REPORTED)
        yield _Inference(line.occurred_ms, end)


def _ends_by_finish(finishes: list[Line], room_sid: str | None) -> Iterator[_Inference]:
    for line in finishes:
        if room_sid is not None and line.room_sid == room_sid:
            at_ms = happened_ms(line)
            end = End(at_ms, CycleEnd.ROOM_FINISHED, Confidence.ESTIMATED)
            yield _Inference(at_ms, end)


def _ends_by_newer_room(
    rooms: list[Room], room_sid: str | None, *, joined_ms: int, alive_ms: int
) -> Iterator[_Inference]:
    """A killed LiveKit never says goodbye; the first room made after it tells that it was gone."""
    # Whatever room somebody joined was there by then: one made later is newer than an unknown one.
    created_ms = next((room.created_ms for room in rooms if room.sid == room_sid), joined_ms)
    for room in rooms:
        if room.created_ms > created_ms and room.created_ms >= alive_ms:
            at_ms = _last_sign(room.alive_ms, alive_ms, known_ms=room.created_ms)
            yield _Inference(room.created_ms, _stale(at_ms))
            return


def _last_sign(told_ms: int | None, alive_ms: int, *, known_ms: int) -> int:
    # With none told the stay ends at its own last sign, though that be its start: its true end is
    # unknown, and time that nobody saw is not credited.
    return alive_ms if told_ms is None else max(alive_ms, min(told_ms, known_ms))


def _stale(at_ms: int) -> End:
    return End(at_ms, CycleEnd.STALE, Confidence.ESTIMATED)


def _order(end: End) -> tuple[int, int, str]:
    return end.at_ms, _RANKS[end.confidence], end.closed_by
