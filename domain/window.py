"""May automation make a meeting now, and if not, when may it. People who manage a session pass."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from zoneinfo import ZoneInfo

from domain.errors import (
    AcademyInactiveError,
    AutoCreationOffError,
    BlockedDayError,
    DomainError,
    OutsideWindowError,
)

MIDNIGHT = time()
# A zone may leave out a date: who may only on that day of the week waits for the next.
FURTHEST = timedelta(days=15)
SAMPLED = timedelta(hours=3)  # no zone changes its clocks twice within it


class Weekday(StrEnum):
    MONDAY = "MONDAY"
    TUESDAY = "TUESDAY"
    WEDNESDAY = "WEDNESDAY"
    THURSDAY = "THURSDAY"
    FRIDAY = "FRIDAY"
    SATURDAY = "SATURDAY"
    SUNDAY = "SUNDAY"


WEEK = tuple(Weekday)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """An academy's rules. Days and times are those that its own clocks show at the moment.

    The window holds its start and not its end, and may cross midnight; one that ends when it
    starts is the whole day, as is none. After midnight it is the next day, blocked or not.
    """

    zone: ZoneInfo
    is_academy_active: bool = True
    creates: bool = True
    starts: time | None = None
    ends: time | None = None
    blocked: frozenset[Weekday] = frozenset()

    def refusal(self, now: datetime, *, is_person: bool = False) -> DomainError | None:
        """Why no meeting is made. In an academy that is not active no person makes one either."""
        if not self.is_academy_active:
            return AcademyInactiveError("The academy is not active.")
        if is_person:
            return None
        if not self.creates:
            return AutoCreationOffError("The academy has no meetings made by themselves.")
        local = now.astimezone(self.zone)
        if self._is_blocked(local):
            return BlockedDayError("The academy has no meetings made on this day.")
        if not self._is_within(local.time()):
            return OutsideWindowError("The academy has no meetings made at this hour.")
        return None

    def opens_at(self, now: datetime) -> datetime | None:
        """The first moment after `now` at which nothing is refused, in UTC; None: never by time
        alone."""
        is_hopeless = len(self.blocked) == len(WEEK) or not (
            self.creates and self.is_academy_active
        )
        return None if is_hopeless else _opens_at(self, now)

    def _is_blocked(self, local: datetime) -> bool:
        return WEEK[local.weekday()] in self.blocked

    def _is_within(self, shown: time) -> bool:
        start, end = self.starts, self.ends
        if start is None or end is None:
            return True
        if start < end:
            return start <= shown < end
        return shown >= start or shown < end


@lru_cache(maxsize=1024)
def _opens_at(gate: Gate, now: datetime) -> datetime | None:
    later = (moment for moment in _turns(gate, now) if moment > now and not gate.refusal(moment))
    return min(later, default=None)


def _turns(gate: Gate, now: datetime) -> Iterator[datetime]:
    """Every moment soon at which the answer may change: a day or the window begins, or the clocks
    are changed."""
    first = now.astimezone(gate.zone).date()
    for days in range(-1, FURTHEST.days + 1):
        for shown in {MIDNIGHT, gate.starts or MIDNIGHT}:
            local = datetime.combine(first + timedelta(days=days), shown, gate.zone)
            yield from (local.replace(fold=fold).astimezone(UTC) for fold in (0, 1))
    yield from _clock_changes(gate.zone, now)


def _clock_changes(zone: ZoneInfo, now: datetime) -> Iterator[datetime]:
    start = now.astimezone(UTC).replace(microsecond=0)
    for n in range(FURTHEST // SAMPLED):
        before, after = start + n * SAMPLED, start + (n + 1) * SAMPLED
        if _offset(zone, before) != _offset(zone, after):
            yield _change_between(zone, before, after)


def _change_between(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """The first second of the new offset."""
    old = _offset(zone, before)
    while after - before > timedelta(seconds=1):
        middle = before + timedelta(seconds=(after - before) // timedelta(seconds=2))
        before, after = (middle, after) if _offset(zone, middle) == old else (before, middle)
    return after


def _offset(zone: ZoneInfo, moment: datetime) -> timedelta | None:
    return moment.astimezone(zone).utcoffset()
