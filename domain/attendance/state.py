"""One attendance as it is told: the whole state after a change; and what a roster adds up to."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

from domain.access import UserRole
from domain.attendance.fold import (
    AttendanceStatus,
    Confidence,
    Cycle,
    CycleEnd,
    CycleStart,
    Override,
    Presence,
    Result,
    percentage,
    total_ms,
)


def to_ms(moment: datetime) -> int:
    """Milliseconds since the epoch, cut off."""
    return int(moment.timestamp() * 1_000_000) // 1000


def from_ms(ms: int) -> datetime:
    return datetime.fromtimestamp(ms // 1000, UTC).replace(microsecond=ms % 1000 * 1000)


@dataclass(frozen=True, slots=True)
class Window:
    """The scheduled time of a session: what attendance is clipped to."""

    starts_ms: int
    ends_ms: int

    @classmethod
    def of(cls, scheduled_at: datetime, ends_at: datetime) -> Self:
        return cls(to_ms(scheduled_at), to_ms(ends_at))

    @property
    def duration_ms(self) -> int:
        return self.ends_ms - self.starts_ms


@dataclass(frozen=True, slots=True, kw_only=True)
class AttendanceState:
    """One row of a roster. Nothing in it depends on the hour it was computed."""

    participant_id: int
    session_id: int
    user_id: int
    role: UserRole
    is_expected: bool
    is_barred: bool = False
    presence: Presence = Presence.NOT_JOINED
    is_final: bool = False
    status: AttendanceStatus | None = None
    first_joined_ms: int | None = None
    last_left_ms: int | None = None
    closed_ms: int = 0
    joined_since_ms: int | None = None
    join_count: int = 0
    leave_count: int = 0
    confidence: Confidence = Confidence.CONFIRMED
    calculated_ms: int | None = None
    cycles: tuple[Cycle, ...] = ()
    override: Override | None = None
    open_sids: tuple[str, ...] = ()  # that the looks ask after; nobody is told of them

    @property
    def has_joined(self) -> bool:
        return self.first_joined_ms is not None

    def total_ms(self, window: Window, as_of_ms: int) -> int:
        return total_ms(
            self.closed_ms,
            self.joined_since_ms,
            as_of_ms=as_of_ms,
            scheduled_ms=window.starts_ms,
            ends_ms=window.ends_ms,
        )

    def percentage(self, window: Window, as_of_ms: int) -> float:
        return percentage(self.total_ms(window, as_of_ms), window.duration_ms)

    def late_by_ms(self, window: Window, as_of_ms: int) -> int:
        """After the scheduled start; for who has not joined it runs, until the end."""
        came_ms = self.first_joined_ms
        if came_ms is None:
            came_ms = min(as_of_ms, window.ends_ms)
        return max(0, came_ms - window.starts_ms)

    def to_dict(self) -> dict[str, Any]:
        plain = {name: getattr(self, name) for name in _PLAIN}
        return plain | {
            "cycles": [cycle_to_dict(cycle) for cycle in self.cycles],
            "override": self.override.to_dict() if self.override else None,
        }

    @classmethod
    def from_dict(cls, raw: dict[str, Any]) -> Self:
        status, override = raw["status"], raw.get("override")
        return cls(
            **raw
            | {
                "role": UserRole(raw["role"]),
                "presence": Presence(raw["presence"]),
                "status": AttendanceStatus(status) if status else None,
                "confidence": Confidence(raw["confidence"]),
                "cycles": tuple(cycle_from_dict(cycle) for cycle in raw["cycles"]),
                "override": Override.from_dict(override) if override else None,
            }
        )


_OTHERS = ("cycles", "override", "open_sids")
_PLAIN = tuple(name for name in AttendanceState.__slots__ if name not in _OTHERS)


def result_fields(result: Result) -> dict[str, Any]:
    """What the fold said, under the names of AttendanceState."""
    return {
        "presence": result.presence,
        "status": result.status,
        "first_joined_ms": result.first_joined_ms,
        "last_left_ms": result.last_left_ms,
        "closed_ms": result.closed_ms,
        "joined_since_ms": result.joined_since_ms,
        "join_count": result.join_count,
        "leave_count": result.leave_count,
        "confidence": result.confidence,
        "cycles": result.cycles,
        "override": result.override,
        "open_sids": result.open_sids,
    }


def cycle_to_dict(cycle: Cycle) -> dict[str, Any]:
    return {
        "joined_ms": cycle.joined_ms,
        "left_ms": cycle.left_ms,
        "opened_by": cycle.opened_by,
        "closed_by": cycle.closed_by,
        "confidence": cycle.confidence,
    }


def cycle_from_dict(raw: dict[str, Any]) -> Cycle:
    closed_by = raw["closed_by"]
    return Cycle(
        joined_ms=raw["joined_ms"],
        left_ms=raw["left_ms"],
        opened_by=CycleStart(raw["opened_by"]),
        closed_by=CycleEnd(closed_by) if closed_by else None,
        confidence=Confidence(raw["confidence"]),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """Of one roster: of those expected, but for `participants` and `in_meeting`, who are all.

    `average_percentage` is None where nobody is expected.
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
    statuses = [row.status for row in expected]
    return Statistics(
        expected=len(expected),
        participants=sum(row.has_joined for row in rows),
        in_meeting=sum(row.presence is Presence.IN_MEETING for row in rows),
        present=statuses.count(AttendanceStatus.PRESENT),
        late=statuses.count(AttendanceStatus.LATE),
        partial=statuses.count(AttendanceStatus.PARTIAL),
        absent=statuses.count(AttendanceStatus.ABSENT),
        average_percentage=sum(shares) / len(shares) if shares else 0.0,
        total_ms=sum(row.total_ms(window, as_of_ms) for row in expected),
    )
