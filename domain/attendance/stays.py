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
    is_reported_over: bool = False  # only the person's own page says that it ended

    @property
    def is_settled(self) -> bool:
        """It is over, and not by a report alone: the reconciler no longer asks about it."""
        return self.end is not None and not self.is_reported_over

    @property
    def confidence(self) -> Confidence:
        was_found = self.opened_by is CycleStart.RECONCILED
        opening = Confidence.RECONCILED if was_found else Confidence.CONFIRMED
        return weakest([opening, self.end.confidence] if self.end else [opening])


def stays_in(lines: Iterable[Line], *, ended_ms: int | None) -> list[Stay]:
    """Find the stays of one person, from their lines and the session's room lines, each line once.

    `ended_ms` is the session's real end: no stay is open after it, and none starts. Somebody who
    comes later, with an old token, did not come to this session. A report of the person's page
    starts no stay; it may end one until LiveKit knows better.
    """
    lines = list(lines)
    reports = [line for line in lines if line.is_report]
    log = [line for line in lines if not line.is_report]
    by_sid: dict[str, list[Line]] = defaultdict(list)
    for line in log:
        if line.participant_sid is not None:
            by_sid[line.participant_sid].append(line)
    room = RoomLog(rooms_in(log), [line for line in log if line.kind is EventKind.ROOM_FINISHED])
    stays = []
    for sid, own in by_sid.items():
        kinds = {line.kind for line in own}
        if any(line.opens for line in own):
            opened_by = CycleStart.JOINED
        elif EventKind.LEFT in kinds:
            opened_by = CycleStart.LEFT_ONLY
        elif EventKind.SEEN in kinds:
            opened_by = CycleStart.RECONCILED
        else:
            continue
        told = [line.joined_ms for line in own if line.joined_ms is not None]
        start_ms = min(told or [line.occurred_ms for line in own])
        if ended_ms is not None and start_ms >= ended_ms:
            continue
        end, is_reported_over = told_end(own, start_ms), False
        if end is None:
            leaves = [one for one in reports if one.kind is EventKind.LEFT and one.is_about(sid)]
            end = inferred_end(own, room, leaves, joined_ms=start_ms, ended_ms=ended_ms)
            unreported = inferred_end(own, room, [], joined_ms=start_ms, ended_ms=ended_ms)
            is_reported_over = end is not None and unreported is None
        stays.append(Stay(sid, start_ms, opened_by, end, is_reported_over))
    return stays
