"""The values that a fold needs besides the log: the session's, the person's, and the policy."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from domain.attendance.lines import EventSource, Line, capped

# The number of the rules below. A session keeps the number that its result was made final by. The
# first releases' rules are 1: they knew no held time and no bounds, and believed LiveKit's clock.
ATTENDANCE_RULE = 2
FIRST_RULE = 1

# A line further from its session than this belongs to another life of the same room name.
FAR_MS = 24 * 60 * 60 * 1000


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
    held_until_ms: int | None = None  # a person ended it then, before its scheduled end
    stays_from_ms: float | None = (
        None  # the session was put back then: stays that ended before do not count
    )
    is_cancelled: bool = False  # then nobody has a status, even with an override
    is_final: bool
    is_expected: bool
    was_joinable: bool  # False: nobody could have joined, so nobody was absent
    policy: Policy
    rule: int = ATTENDANCE_RULE

    @property
    def counted_until_ms(self) -> int:
        """The end of the time that counts: the scheduled end, or the earlier end by a person."""
        if self.held_until_ms is None or self.rule == FIRST_RULE:
            return self.ends_ms
        return max(self.scheduled_ms, min(self.held_until_ms, self.ends_ms))

    @property
    def held_ms(self) -> int:
        """The time that percentages are of; 0 for a class that did not take place."""
        duration_ms = self.ends_ms - self.scheduled_ms
        if self.rule == FIRST_RULE:
            return duration_ms
        held_ms = self.counted_until_ms - self.scheduled_ms
        is_long = held_ms >= min(self.policy.minimum_held_minutes * 60_000, duration_ms)
        return held_ms if is_long and self.was_joinable else 0

    @property
    def took_place(self) -> bool:
        """Somebody could join, and it was held long enough: who should have come is judged."""
        return self.was_joinable and self.held_ms > 0 and not self.is_cancelled

    def log_of(self, lines: Iterable[Line]) -> list[Line]:
        """Keep the lines that count, as the session's rule reads them.

        Each counts once, as it arrived first: what LiveKit sends again arrives later. An override
        is about this session, whenever it is made.
        """
        latest_first = sorted(lines, key=lambda line: line.received_ms, reverse=True)
        log = {line.source_id: line for line in latest_first}.values()
        if self.rule == FIRST_RULE:
            read = [replace(line, identity=None) for line in log]
        else:
            read = [capped(line) for line in log]
        earliest_ms, latest_ms = self.scheduled_ms - FAR_MS, self.ends_ms + FAR_MS
        return [
            line
            for line in read
            if line.source is EventSource.PERSON or earliest_ms <= line.occurred_ms <= latest_ms
        ]
