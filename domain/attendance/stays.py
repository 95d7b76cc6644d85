"""Stays: one participant sid is one stay, with one start and at most one end."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from domain.attendance.lines import EventKind, Line, rooms_in
from domain.attendance.stay_ends import (
    Confidence,
    End,
    RoomLog,
    inferred_end,
    reported_leaves,
    told_end,
    weakest,
)


class CycleStart(StrEnum):
    JOINED = "JOINED"
    LEFT_ONLY = "LEFT_ONLY"
    RECONCILED = "RECONCILED"
    CLIENT_REPORT = "CLIENT_REPORT"


@dataclass(frozen=True, slots=True)
class Stay:
    sid: str
    joined_ms: int
    opened_by: CycleStart
    end: End | None
    is_reported_over: bool = False  # that it ended is the word of the person's own page alone

    @property
    def is_settled(self) -> bool:
        """It is over, and not by a report alone: the looks need not ask after it any more."""
        return self.end is not None and not self.is_reported_over

    @property
    def confidence(self) -> Confidence:
        was_found = self.opened_by is CycleStart.RECONCILED
        opening = Confidence.RECONCILED if was_found else Confidence.CONFIRMED
        return weakest([opening, self.end.confidence] if self.end else [opening])


def stays_in(lines: Iterable[Line], *, ended_ms: int | None) -> list[Stay]:
    """The stays of one person, from their lines and the session's room lines, each line once.

    `ended_ms` is the session's real end: from then on no stay is open, and none begins. Whoever
    comes later, with a token from before, did not come to this session. What the person's page
    reports begins no stay; it may end one until LiveKit knows better.
    """
    told = list(lines)
    reports = [line for line in told if line.is_report]
    log = [line for line in told if not line.is_report]
    room = RoomLog(rooms_in(log), [line for line in log if line.kind is EventKind.ROOM_FINISHED])
    return [
        _stay(sid, opened_by, own, room, reported_leaves(reports, sid), ended_ms)
        for sid, own in _by_participant(log).items()
        if (opened_by := _opening(own)) and (ended_ms is None or _start(own) < ended_ms)
    ]


def _stay(
    sid: str,
    opened_by: CycleStart,
    own: list[Line],
    room: RoomLog,
    leaves: list[Line],
    ended_ms: int | None,
) -> Stay:
    start = _start(own)
    if told := told_end(own, start):
        return Stay(sid, start, opened_by, told)
    end = inferred_end(own, room, leaves, joined_ms=start, ended_ms=ended_ms)
    is_over = inferred_end(own, room, [], joined_ms=start, ended_ms=ended_ms) is not None
    return Stay(sid, start, opened_by, end, is_reported_over=end is not None and not is_over)


def _by_participant(lines: list[Line]) -> dict[str, list[Line]]:
    own: dict[str, list[Line]] = defaultdict(list)
    for line in lines:
        if line.participant_sid is not None:
            own[line.participant_sid].append(line)
    return own


def _opening(own: list[Line]) -> CycleStart | None:
    kinds = {line.kind for line in own}
    if any(line.opens for line in own):
        return CycleStart.JOINED
    if EventKind.LEFT in kinds:
        return CycleStart.LEFT_ONLY
    return CycleStart.RECONCILED if EventKind.SEEN in kinds else None


def _start(own: list[Line]) -> int:
    told = [line.joined_ms for line in own if line.joined_ms is not None]
    return min(told or [line.occurred_ms for line in own])
