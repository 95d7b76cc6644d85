"""Attendance: a pure function of the log and the session's facts. Times are milliseconds.

It reads no clock and asks nobody. The same lines in any order, in any number of copies, give the
same result, so a row can be thrown away and computed again.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

from domain.attendance.cycles import Cycle, cycles_of
from domain.attendance.lines import (
    AttendanceStatus,
    EventKind,
    EventSource,
    Line,
    distinct,
    end_of_leave,
)
from domain.attendance.override import Override, override_in
from domain.attendance.reports import Report, reported_cycle, unconfirmed
from domain.attendance.stay_ends import Confidence, CycleEnd, weakest
from domain.attendance.stays import CycleStart, Stay, stays_in

__all__ = [
    "ATTENDANCE_RULE",
    "AttendanceStatus",
    "Confidence",
    "Cycle",
    "CycleEnd",
    "CycleStart",
    "EventKind",
    "EventSource",
    "Facts",
    "Line",
    "Override",
    "Policy",
    "Presence",
    "Report",
    "Result",
    "Stay",
    "end_of_leave",
    "fold",
    "open_reports",
    "percentage",
    "stays_of",
    "total_ms",
    "would_change",
]

# The number of the rules below. A session keeps the number its result was made final by; 1 is that
# of the first releases, which knew no held time and no bounds.
ATTENDANCE_RULE = 2

# A line further from its session than this belongs to another life of the same room name.
FAR_MS = 24 * 60 * 60 * 1000


class Presence(StrEnum):
    NOT_JOINED = "NOT_JOINED"
    IN_MEETING = "IN_MEETING"
    LEFT = "LEFT"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The academy's rules as stamped on the session."""

    present_from_percent: int = 80
    partial_from_percent: int = 30
    late_after_minutes: int = 15
    late_before_partial: bool = False  # True: too late is LATE even below the present percentage
    minimum_held_minutes: int = 15  # ended by a person before that, the class did not take place
    merge_gap_seconds: int = 120  # 0: only what overlaps or touches is one cycle
    stale_after_minutes: int = 30  # the clock reads it, the fold does not


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """The values of the session and the participant that are not in the log."""

    scheduled_ms: int
    ends_ms: int
    ended_ms: int | None  # the session's real end
    is_final: bool
    is_expected: bool
    was_joinable: bool  # False: nobody could have joined, so nobody was absent
    policy: Policy

    def is_near(self, line: Line) -> bool:
        if line.source is EventSource.PERSON:
            return True  # an override is about this session, whenever it is made
        return self.scheduled_ms - FAR_MS <= line.occurred_ms <= self.ends_ms + FAR_MS


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One person's attendance; nothing in it depends on the hour it was computed.

    Result() is the attendance of somebody without a line. Each field is a column of
    MeetingAttendance, and the code between them takes the names from here.
    """

    presence: Presence = Presence.NOT_JOINED
    cycles: tuple[Cycle, ...] = ()  # a cycle that only the page reports is last and not counted
    first_joined_ms: int | None = None
    last_left_ms: int | None = None
    closed_ms: int = 0  # the time of the closed cycles within the session's schedule
    joined_since_ms: int | None = None  # the open cycle's start
    join_count: int = 0
    leave_count: int = 0
    confidence: Confidence = Confidence.CONFIRMED
    status: AttendanceStatus | None = None
    override: Override | None = None
    open_sids: tuple[str, ...] = ()  # the stays that are not over, or over by a report alone

    def to_dict(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__} | {
            "cycles": [cycle.to_dict() for cycle in self.cycles],
            "override": self.override.to_dict() if self.override else None,
            "open_sids": list(self.open_sids),
        }

    @classmethod
    def from_dict(cls, raw: dict[str, Any]) -> Self:
        """Read a stored result; a field that is newer than the row has its default."""
        known = {name: raw[name] for name in cls.__slots__ if name in raw}
        read = {name: _READERS[name](known[name]) for name in known.keys() & _READERS.keys()}
        return cls(**known | read)


# How to read the fields that are not stored as they are.
_READERS: dict[str, Callable[[Any], Any]] = {
    "presence": Presence,
    "cycles": lambda raw: tuple(map(Cycle.from_dict, raw)),
    "confidence": Confidence,
    "status": lambda raw: AttendanceStatus(raw) if raw else None,
    "override": lambda raw: Override.from_dict(raw) if raw else None,
    "open_sids": lambda raw: tuple(raw or ()),
}


def fold(lines: Iterable[Line], facts: Facts) -> Result:
    """Compute one person's attendance from their lines and the room's."""
    log = distinct(filter(facts.is_near, lines))
    stays = stays_in(log, ended_ms=facts.ended_ms)
    cycles = cycles_of(stays, gap_ms=facts.policy.merge_gap_seconds * 1000)
    reported = reported_cycle(unconfirmed(log, stays), cycles, facts.ended_ms)
    shown = (*cycles, reported) if reported else cycles
    presence = Presence.NOT_JOINED
    if shown:
        presence = Presence.IN_MEETING if shown[-1].left_ms is None else Presence.LEFT
    closed = [(cycle.joined_ms, cycle.left_ms) for cycle in cycles if cycle.left_ms is not None]
    closed_ms = sum(
        max(0, min(left_ms, facts.ends_ms) - max(joined_ms, facts.scheduled_ms))
        for joined_ms, left_ms in closed
    )
    # Only the last cycle can be open: a stay without an end reaches over all that start later.
    is_open = bool(cycles) and cycles[-1].left_ms is None
    joined_since_ms = cycles[-1].joined_ms if is_open else None
    first_joined_ms = cycles[0].joined_ms if cycles else None
    # An override is for expected people only: nobody else has a status.
    override = override_in(log) if facts.is_expected else None
    status = override.status if override else None
    if status is None and facts.is_final and facts.is_expected and facts.was_joinable:
        status = _final_status(first_joined_ms, closed_ms, joined_since_ms, facts)
    return Result(
        presence=presence,
        cycles=shown,
        open_sids=tuple(sorted(stay.sid for stay in stays if not stay.is_settled)),
        first_joined_ms=first_joined_ms,
        last_left_ms=max((left_ms for _, left_ms in closed), default=None),
        closed_ms=closed_ms,
        joined_since_ms=joined_since_ms,
        join_count=len(cycles),
        leave_count=len(closed),
        confidence=weakest(cycle.confidence for cycle in shown),
        status=status,
        override=override,
    )


def _final_status(
    first_joined_ms: int | None, closed_ms: int, joined_since_ms: int | None, facts: Facts
) -> AttendanceStatus:
    policy, duration_ms = facts.policy, facts.ends_ms - facts.scheduled_ms
    attended_ms = total_ms(
        closed_ms, joined_since_ms, facts.ends_ms, facts.scheduled_ms, facts.ends_ms
    )
    if first_joined_ms is None or 100 * attended_ms < policy.partial_from_percent * duration_ms:
        return AttendanceStatus.ABSENT
    if 100 * attended_ms < policy.present_from_percent * duration_ms:
        return AttendanceStatus.PARTIAL
    late_ms = first_joined_ms - facts.scheduled_ms
    is_late = late_ms > policy.late_after_minutes * 60_000
    return AttendanceStatus.LATE if is_late else AttendanceStatus.PRESENT


def stays_of(lines: Iterable[Line], facts: Facts) -> list[Stay]:
    """Find the stays that the cycles are made of."""
    return stays_in(distinct(filter(facts.is_near, lines)), ended_ms=facts.ended_ms)


def open_reports(lines: Iterable[Line], facts: Facts) -> list[Report]:
    """Find the reports that LiveKit has not confirmed and that have not expired."""
    log = distinct(filter(facts.is_near, lines))
    return unconfirmed(log, stays_in(log, ended_ms=facts.ended_ms))


def would_change(log: list[Line], line: Line, facts: Facts) -> bool:
    """Tell if a line that is not in the log would change a stay or an open report."""
    more = [*log, line]
    told = stays_of(log, facts), set(open_reports(log, facts))
    return told != (stays_of(more, facts), set(open_reports(more, facts)))


def total_ms(
    closed_ms: int, joined_since_ms: int | None, as_of_ms: int, scheduled_ms: int, ends_ms: int
) -> int:
    """Count the time up to `as_of_ms`: closed cycles, and the open one so far, within schedule."""
    if joined_since_ms is None:
        return closed_ms
    return closed_ms + max(0, min(as_of_ms, ends_ms) - max(joined_since_ms, scheduled_ms))


def percentage(total_ms: int, duration_ms: int) -> float:
    """Compute the share of the session's duration, 0 to 100."""
    return min(100.0, 100 * total_ms / duration_ms) if duration_ms > 0 else 0.0
