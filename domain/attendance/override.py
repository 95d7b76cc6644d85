"""The status that a manager of the session gives an attendance, instead of the computed one."""

from collections.abc import Iterable
from dataclasses import dataclass

from domain.attendance.lines import AttendanceStatus, EventKind, Line

KINDS = (EventKind.OVERRIDE, EventKind.OVERRIDE_WITHDRAWN)


@dataclass(frozen=True, slots=True)
class Override:
    status: AttendanceStatus
    note: str
    by_id: int
    at_ms: int


def override_in(lines: Iterable[Line]) -> Override | None:
    """Find the latest override, unless it was withdrawn since."""
    given = [line for line in lines if line.kind in KINDS]
    last = max(given, key=lambda line: (line.occurred_ms, line.source_id), default=None)
    if last is None or last.override_status is None:
        return None
    return Override(
        last.override_status, last.note or "", last.actor_id or 0, at_ms=last.occurred_ms
    )
