"""The state of one attendance, told whole after each change; and the statistics of a roster."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from domain.access import UserRole
from domain.attendance.fold import AttendanceStatus, Presence, Result, percentage, total_ms


def to_ms(moment: datetime) -> int:
    """Convert to milliseconds since the epoch, rounded down."""
    return int(moment.timestamp() * 1_000_000) // 1000


def from_ms(ms: int) -> datetime:
    return datetime.fromtimestamp(ms // 1000, UTC).replace(microsecond=ms % 1000 * 1000)


@dataclass(frozen=True, slots=True)
class Window:
    """The time of a session that counts: its schedule, until a person ends it earlier."""

    starts_ms: int
    ends_ms: int
    takes_place: bool = True  # False: it ended too early, or nobody could join

    @property
    def duration_ms(self) -> int:
        """The time that percentages are of."""
        return self.ends_ms - self.starts_ms if self.takes_place else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AttendanceState:
    """One row of a roster. Nothing in it depends on the hour it was computed."""

    participant_id: int
    session_id: int
    user_id: int
    role: UserRole
    is_expected: bool
    is_barred: bool = False
    is_final: bool = False
    calculated_ms: int | None = None
    result: Result = field(default_factory=Result)

    @property
    def has_joined(self) -> bool:
        return self.result.first_joined_ms is not None

    def total_ms(self, window: Window, as_of_ms: int) -> int:
        return _until(self.result.closed_ms, self.result.joined_since_ms, window, as_of_ms)

    def at_least_ms(self, window: Window, as_of_ms: int) -> int:
        bounds = self.result.bounds
        if bounds is None:
            return self.total_ms(window, as_of_ms)
        return _until(bounds.at_least_ms, bounds.at_least_since_ms, window, as_of_ms)

    def at_most_ms(self, window: Window, as_of_ms: int) -> int:
        bounds = self.result.bounds
        if bounds is None:
            return self.total_ms(window, as_of_ms)
        return _until(bounds.at_most_ms, bounds.at_most_since_ms, window, as_of_ms)

    def percentage(self, window: Window, as_of_ms: int) -> float:
        return percentage(self.total_ms(window, as_of_ms), window.duration_ms)

    def late_by_ms(self, window: Window, as_of_ms: int) -> int:
        """Count from the scheduled start to the first stay that reaches into the class.

        For who has none it runs, until the class ends.
        """
        arrived_ms = self.result.arrived_ms
        if arrived_ms is None:
            arrived_ms = min(as_of_ms, window.ends_ms)
        return max(0, arrived_ms - window.starts_ms)


def _until(closed_ms: int, since_ms: int | None, window: Window, as_of_ms: int) -> int:
    return total_ms(closed_ms, since_ms, as_of_ms, window.starts_ms, window.ends_ms)


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """The numbers of one roster.

    `participants` and `in_meeting` count everybody, all other numbers only the expected people.
    Excused people count in no average.
    """

    expected: int
    participants: int
    in_meeting: int
    expected_in_meeting: int
    present: int
    late: int
    partial: int
    absent: int
    excused: int
    average_percentage: float
    total_ms: int


def statistics(states: Iterable[AttendanceState], window: Window, as_of_ms: int) -> Statistics:
    rows = list(states)
    expected = [row for row in rows if row.is_expected]
    inside = [row for row in rows if row.result.presence is Presence.IN_MEETING]
    shares = [
        row.percentage(window, as_of_ms)
        for row in expected
        if row.result.status is not AttendanceStatus.EXCUSED
    ]
    statuses = [row.result.status for row in expected]
    return Statistics(
        expected=len(expected),
        participants=sum(row.has_joined for row in rows),
        in_meeting=len(inside),
        expected_in_meeting=sum(row.is_expected for row in inside),
        present=statuses.count(AttendanceStatus.PRESENT),
        late=statuses.count(AttendanceStatus.LATE),
        partial=statuses.count(AttendanceStatus.PARTIAL),
        absent=statuses.count(AttendanceStatus.ABSENT),
        excused=statuses.count(AttendanceStatus.EXCUSED),
        average_percentage=sum(shares) / len(shares) if shares else 0.0,
        total_ms=sum(row.total_ms(window, as_of_ms) for row in expected),
    )
