"""Attendance: a pure function of the log and the session's facts. Times are milliseconds.

It reads no clock and asks nobody. The same lines in any order, in any number of copies, give the
same result, so a row can be thrown away and computed again.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from math import inf

from domain.attendance.endings import Confidence, CycleEnd, weakest
from domain.attendance.facts import ATTENDANCE_RULE, FAR_MS, FIRST_RULE, Facts, Policy
from domain.attendance.lines import (
    AttendanceStatus,
    EventKind,
    EventSource,
    Line,
    end_of_leave,
)
from domain.attendance.openings import CycleStart
from domain.attendance.override import Override, override_in
from domain.attendance.reports import Report, reported_cycle, unconfirmed
from domain.attendance.stays import Cycle, Stay, cycles_of, stays_in

__all__ = [
    "ATTENDANCE_RULE",
    "FAR_MS",
    "FIRST_RULE",
    "AttendanceStatus",
    "Bounds",
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
    "fold_log",
    "open_reports",
    "percentage",
    "stays_of",
    "total_ms",
    "would_change",
]


class Presence(StrEnum):
    NOT_JOINED = "NOT_JOINED"
    IN_MEETING = "IN_MEETING"
    LEFT = "LEFT"


@dataclass(frozen=True, slots=True)
class Bounds:
    """The shortest and the longest time that the log allows; an open end grows with the clock."""

    at_least_ms: int
    at_least_since_ms: int | None
    at_most_ms: int
    at_most_since_ms: int | None

    @property
    def differ(self) -> bool:
        least = self.at_least_ms, self.at_least_since_ms
        return least != (self.at_most_ms, self.at_most_since_ms)


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
    arrived_ms: int | None = None  # the start of the first cycle that reaches into the class
    closed_ms: int = 0  # the closed cycles' time while the class was held
    joined_since_ms: int | None = None  # the open cycle's start
    join_count: int = 0
    leave_count: int = 0
    confidence: Confidence = Confidence.CONFIRMED
    bounds: Bounds | None = None  # None: the log allows no other time
    needs_review: bool = False
    status: AttendanceStatus | None = None
    override: Override | None = None
    open_sids: tuple[str, ...] = ()  # the stays that are not over, or over by a report alone


def fold(lines: Iterable[Line], facts: Facts) -> Result:
    """Compute one person's attendance from their lines and the room's."""
    return fold_log(facts.log_of(lines), facts)


def fold_log(log: list[Line], facts: Facts) -> Result:
    """Compute it from the lines that `Facts.log_of` keeps."""
    stays = stays_of_log(log, facts)
    counted = _attended(stays, facts)
    cycles = counted.cycles
    has_reports = any(line.is_report for line in log)
    reports = _reports(log, stays, facts) if has_reports else []
    reported = reported_cycle(reports, cycles, facts.ended_ms) if reports else None
    shown = (*cycles, reported) if reported else cycles
    presence = Presence.NOT_JOINED
    if shown:
        presence = Presence.IN_MEETING if shown[-1].left_ms is None else Presence.LEFT
    lefts = [cycle.left_ms for cycle in cycles if cycle.left_ms is not None]
    # An override is for expected people only: nobody else has a status.
    override = override_in(log) if facts.is_expected else None
    is_judged = facts.is_final and facts.is_expected and facts.took_place
    status, is_disputed = counted.status(facts) if is_judged else None, False
    bounds = None
    if facts.rule != FIRST_RULE and any(stay.is_doubtful for stay in stays):
        least = _attended([stay.shortest() for stay in stays], facts)
        most = _attended([stay.longest() for stay in stays], facts)
        is_disputed = is_judged and least.status(facts) is not most.status(facts)
        found = Bounds(least.closed_ms, least.since_ms, most.closed_ms, most.since_ms)
        bounds = found if found.differ else None
    return Result(
        presence=presence,
        cycles=shown,
        open_sids=tuple(sorted(stay.sid for stay in stays if not stay.is_settled)),
        first_joined_ms=cycles[0].joined_ms if cycles else None,
        last_left_ms=max(lefts, default=None),
        arrived_ms=counted.arrived_ms,
        closed_ms=counted.closed_ms,
        joined_since_ms=counted.since_ms,
        join_count=len(cycles),
        leave_count=len(lefts),
        confidence=weakest(cycle.confidence for cycle in shown),
        bounds=bounds,
        needs_review=is_disputed and override is None,
        status=override.status if override and not facts.is_cancelled else status,
        override=override,
    )


@dataclass(frozen=True, slots=True)
class _Attended:
    """The cycles that some stays make, and what of them counts."""

    cycles: tuple[Cycle, ...]
    closed_ms: int
    since_ms: int | None
    arrived_ms: int | None

    def status(self, facts: Facts) -> AttendanceStatus:
        """Judge what they attended once the class is over."""
        policy, held_ms = facts.policy, facts.held_ms
        until_ms = facts.counted_until_ms
        attended_ms = total_ms(
            self.closed_ms, self.since_ms, until_ms, facts.scheduled_ms, until_ms
        )
        is_below = [
            100 * attended_ms < percent * held_ms
            for percent in (policy.partial_from_percent, policy.present_from_percent)
        ]
        if self.arrived_ms is None or is_below[0]:
            return AttendanceStatus.ABSENT
        late_ms = self.arrived_ms - facts.scheduled_ms
        is_late = late_ms > policy.late_after_minutes * 60_000
        if is_below[1] and not (is_late and policy.late_before_partial):
            return AttendanceStatus.PARTIAL
        return AttendanceStatus.LATE if is_late else AttendanceStatus.PRESENT


def _attended(stays: list[Stay], facts: Facts) -> _Attended:
    """Merge the stays into cycles, and count their time while the class was held."""
    cycles = cycles_of(stays, gap_ms=facts.policy.merge_gap_seconds * 1000)
    start_ms, until_ms = facts.scheduled_ms, facts.counted_until_ms
    closed_ms = sum(
        max(0, min(cycle.left_ms, until_ms) - max(cycle.joined_ms, start_ms))
        for cycle in cycles
        if cycle.left_ms is not None
    )
    reaching = [
        cycle.joined_ms
        for cycle in cycles
        if facts.rule == FIRST_RULE
        or ((cycle.left_ms is None or cycle.left_ms > start_ms) and cycle.joined_ms < until_ms)
    ]
    # Only the last cycle can be open: a stay without an end reaches over all that start later.
    is_open = bool(cycles) and cycles[-1].left_ms is None
    since_ms = cycles[-1].joined_ms if is_open else None
    return _Attended(cycles, closed_ms, since_ms, min(reaching, default=None))


def stays_of(lines: Iterable[Line], facts: Facts) -> list[Stay]:
    """Find the stays that the cycles are made of."""
    return stays_of_log(facts.log_of(lines), facts)


def stays_of_log(log: list[Line], facts: Facts) -> list[Stay]:
    """Find the stays in the lines that `Facts.log_of` keeps."""
    return stays_in(log, ended_ms=facts.ended_ms, from_ms=facts.stays_from_ms, rule=facts.rule)


def open_reports(lines: Iterable[Line], facts: Facts) -> list[Report]:
    """Find the reports that LiveKit has not confirmed and that have not expired."""
    log = facts.log_of(lines)
    return _reports(log, stays_of_log(log, facts), facts)


def _reports(log: list[Line], stays: list[Stay], facts: Facts) -> list[Report]:
    """Find the open reports. Where a session was put back, earlier ones do not count."""
    found, from_ms = unconfirmed(log, stays), facts.stays_from_ms
    if from_ms is None:
        return found
    return [one for one in found if (inf if one.left_ms is None else one.left_ms) > from_ms]


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
