"""The state of one attendance, told whole after each change; and the statistics of a roster."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self

from domain.access import UserRole
from domain.attendance.fold import AttendanceStatus, Presence, Result, percentage, total_ms


def to_ms(moment: datetime) -> int:
    """Convert to milliseconds since the epoch, rounded down."""
    return int(moment.timestamp() * 1_000_000) // 1000


def from_ms(ms: int) -> datetime:
    return datetime.fromtimestamp(ms // 1000, UTC).replace(microsecond=ms % 1000 * 1000)


@dataclass(frozen=True, slots=True)
class Window:
    """The scheduled time of a session; no time outside it counts."""

    starts_ms: int
    ends_ms: int

    @classmethod
    def of(cls, scheduled_at: datetime, ends_at: datetime) -> Self:
        return cls(to_ms(scheduled_at), to_ms(ends_at))


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
        return total_ms(
            self.result.closed_ms,
            self.result.joined_since_ms,
            as_of_ms=as_of_ms,
            scheduled_ms=window.starts_ms,
            ends_ms=window.ends_ms,
        )

    def percentage(self, window: Window, as_of_ms: int) -> float:
        return percentage(self.total_ms(window, as_of_ms), window.ends_ms - window.starts_ms)

    def late_by_ms(self, window: Window, as_of_ms: int) -> int:
        """Count from the scheduled start to the first join, or to now, or to the scheduled end."""
        joined_ms = self.result.first_joined_ms
        if joined_ms is None:
            joined_ms = min(as_of_ms, window.ends_ms)
        return max(0, joined_ms - window.starts_ms)

    def to_dict(self) -> dict[str, Any]:
        """Flatten it for an event: the result's fields stand beside its own."""
        told = {name: getattr(self, name) for name in _OWN} | self.result.to_dict()
        del told["open_sids"]  # only the reconciler needs them
        return told

    @classmethod
    def from_dict(cls, raw: dict[str, Any]) -> Self:
        own = {name: raw[name] for name in _OWN if name in raw}
        return cls(**own | {"role": UserRole(raw["role"]), "result": Result.from_dict(raw)})


_OWN = tuple(name for name in AttendanceState.__slots__ if name != "result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """The numbers of one roster.

    `participants` and `in_meeting` count everybody, all other numbers only the expected people.
    """

    expected: int
    participants: int
    in_meeting: int
    present: int
    late: int
    partial: int
    absent: int
    average_percentage: float
    total_ms: int


def statistics(states: Iterable[AttendanceState], window: Window, as_of_ms: int) -> Statistics:
    rows = list(states)
    expected = [row for row in rows if row.is_expected]
    shares = [row.percentage(window, as_of_ms) for row in expected]
    statuses = [row.result.status for row in expected]
    return Statistics(
        expected=len(expected),
        participants=sum(row.has_joined for row in rows),
        in_meeting=sum(row.result.presence is Presence.IN_MEETING for row in rows),
        present=statuses.count(AttendanceStatus.PRESENT),
        late=statuses.count(AttendanceStatus.LATE),
        partial=statuses.count(AttendanceStatus.PARTIAL),
        absent=statuses.count(AttendanceStatus.ABSENT),
        average_percentage=sum(shares) / len(shares) if shares else 0.0,
        total_ms=sum(row.total_ms(window, as_of_ms) for row in expected),
    )
