"""Attendance: a pure function of the log and the session's facts, told in milliseconds.

It reads no clock and asks nobody: any order and any number of copies of the same lines give the
same answer, so a row can be thrown away and computed again.
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
    "changes",
    "end_of_leave",
    "fold",
    "open_reports",
    "percentage",
    "stays_of",
    "total_ms",
]

# A line further from its session than this is of another life of the same room name.
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
    merge_gap_seconds: int = 120  # 0: only what overlaps or touches is one cycle
    stale_after_minutes: int = 30  # read by the clock, not by the fold

    @property
    def late_after_ms(self) -> int:
        return self.late_after_minutes * 60_000

    @property
    def merge_gap_ms(self) -> int:
        return self.merge_gap_seconds * 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is stamped on the session and the participant, and is not in the log."""

    scheduled_ms: int
    ends_ms: int
    ended_ms: int | None  # the session's real end
    is_final: bool
    is_expected: bool
    was_joinable: bool  # False: nobody could have joined, so nobody was absent
    policy: Policy

    def is_near(self, line: Line) -> bool:
        if line.source is EventSource.PERSON:
            return True  # an override is of this session, whenever it is made
        return self.scheduled_ms - FAR_MS <= line.occurred_ms <= self.ends_ms + FAR_MS


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One person's attendance; nothing in it depends on the hour it was computed.

    Result() is that of somebody without a line. Each field is a column of MeetingAttendance, and
    all that lies between takes the names from here.
    """

    presence: Presence = Presence.NOT_JOINED
    cycles: tuple[Cycle, ...] = ()  # what only the person's own page reports last, and uncounted
    first_joined_ms: int | None = None
    last_left_ms: int | None = None
    closed_ms: int = 0  # of the closed cycles, inside the session's time
    joined_since_ms: int | None = None  # the open cycle's start
    join_count: int = 0
    leave_count: int = 0
    confidence: Confidence = Confidence.CONFIRMED
    status: AttendanceStatus | None = None
    override: Override | None = None
    open_sids: tuple[str, ...] = ()  # of the stays that are open but for, at most, a report

    def to_dict(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__} | {
            "cycles": [cycle.to_dict() for cycle in self.cycles],
            "override": self.override.to_dict() if self.override else None,
            "open_sids": list(self.open_sids),
        }

    @classmethod
    def from_dict(cls, raw: dict[str, Any]) -> Self:
        """Read what is stored; a field that is newer than that has its default."""
        known = {name: raw[name] for name in cls.__slots__ if name in raw}
        read = {name: _READERS[name](known[name]) for name in known.keys() & _READERS.keys()}
        return cls(**known | read)


# What is not stored as it is; of every other field nothing need be said.
_READERS: dict[str, Callable[[Any], Any]] = {
    "presence": Presence,
    "cycles": lambda raw: tuple(map(Cycle.from_dict, raw)),
    "confidence": Confidence,
    "status": lambda raw: AttendanceStatus(raw) if raw else None,
    "override": lambda raw: Override.from_dict(raw) if raw else None,
    "open_sids": lambda raw: tuple(raw or ()),
}


def fold(lines: Iterable[Line], facts: Facts) -> Result:
    """One person's attendance, from their lines and the room's, in any order, in any copies."""
    log = distinct(filter(facts.is_near, lines))
    stays = stays_in(log, ended_ms=facts.ended_ms)
    cycles = cycles_of(stays, gap_ms=facts.policy.merge_gap_ms)
    reported = reported_cycle(_unconfirmed(log, stays), cycles, facts.ended_ms)
    shown = (*cycles, reported) if reported else cycles
    lefts = [cycle.left_ms for cycle in cycles if cycle.left_ms is not None]
    override = override_in(log) if facts.is_expected else None  # of others nobody says a status
    return Result(
        presence=_presence(shown),
        cycles=shown,
        open_sids=tuple(sorted(stay.sid for stay in stays if not stay.is_settled)),
        first_joined_ms=cycles[0].joined_ms if cycles else None,
        last_left_ms=max(lefts, default=None),
        closed_ms=_closed_ms(cycles, facts),
        joined_since_ms=_joined_since_ms(cycles),
        join_count=len(cycles),
        leave_count=len(lefts),
        confidence=weakest(cycle.confidence for cycle in shown),
        status=override.status if override else _status(cycles, facts),
        override=override,
    )


def stays_of(lines: Iterable[Line], facts: Facts) -> list[Stay]:
    """What the cycles are made of."""
    return stays_in(distinct(filter(facts.is_near, lines)), ended_ms=facts.ended_ms)


def open_reports(lines: Iterable[Line], facts: Facts) -> list[Report]:
    """What only the person's own page says, and has not expired."""
    log = distinct(filter(facts.is_near, lines))
    return _unconfirmed(log, stays_in(log, ended_ms=facts.ended_ms))


def changes(log: list[Line], line: Line, facts: Facts) -> bool:
    """Whether the line, which is not in the log, says anything of a stay or of an open report."""
    more = [*log, line]
    told = stays_of(log, facts), set(open_reports(log, facts))
    return told != (stays_of(more, facts), set(open_reports(more, facts)))


def _unconfirmed(log: list[Line], stays: list[Stay]) -> list[Report]:
    told = {line.participant_sid for line in log if not line.is_report} - {None}
    # Who reported to be gone, and to be back, is a report again until a look has seen them.
    return unconfirmed(log, stays, told - {stay.sid for stay in stays if stay.is_reported_over})


def total_ms(
    closed_ms: int, joined_since_ms: int | None, as_of_ms: int, scheduled_ms: int, ends_ms: int
) -> int:
    """The time that counts at `as_of_ms`: closed cycles, and the open one so far, both clipped."""
    if joined_since_ms is None:
        return closed_ms
    return closed_ms + max(0, min(as_of_ms, ends_ms) - max(joined_since_ms, scheduled_ms))


def percentage(total_ms: int, duration_ms: int) -> float:
    """The share of the session's duration, 0 to 100."""
    return min(100.0, 100 * total_ms / duration_ms) if duration_ms > 0 else 0.0


def _joined_since_ms(cycles: tuple[Cycle, ...]) -> int | None:
    # Only the last can be open: an open stay has no end to lie behind.
    return cycles[-1].joined_ms if cycles and cycles[-1].left_ms is None else None


def _presence(cycles: tuple[Cycle, ...]) -> Presence:
    if not cycles:
        return Presence.NOT_JOINED
    return Presence.IN_MEETING if cycles[-1].left_ms is None else Presence.LEFT


def _closed_ms(cycles: tuple[Cycle, ...], facts: Facts) -> int:
    return sum(
        max(0, min(cycle.left_ms, facts.ends_ms) - max(cycle.joined_ms, facts.scheduled_ms))
        for cycle in cycles
        if cycle.left_ms is not None
    )


def _status(cycles: tuple[Cycle, ...], facts: Facts) -> AttendanceStatus | None:
    if not (facts.is_final and facts.is_expected and facts.was_joinable):
        return None
    policy, duration = facts.policy, facts.ends_ms - facts.scheduled_ms
    since = _joined_since_ms(cycles)
    closed = _closed_ms(cycles, facts)
    share = 100 * total_ms(closed, since, facts.ends_ms, facts.scheduled_ms, facts.ends_ms)
    if not cycles or share < policy.partial_from_percent * duration:
        return AttendanceStatus.ABSENT
    if share < policy.present_from_percent * duration:
        return AttendanceStatus.PARTIAL
    is_late = cycles[0].joined_ms > facts.scheduled_ms + policy.late_after_ms
    return AttendanceStatus.LATE if is_late else AttendanceStatus.PRESENT
