"""The gate: whether the clock may make a meeting now, and if not, when it may.

People who manage a session are not held back by days and hours.
"""

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
# More than two weeks: a zone may leave out a date, and a gate may open on that weekday only.
SEARCHED_AHEAD = timedelta(days=15)
SAMPLE_STEP = timedelta(hours=3)  # no zone changes its clocks twice within this time


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
    """An academy's rules. Days and times are those of its own time zone.

    The window includes its start and not its end, and may cross midnight: what lies after midnight
    belongs to the next day, which may be blocked. A window that ends when it starts is the whole
    day, and so is no window.
    """

    zone: ZoneInfo
    is_academy_active: bool = True
    creates: bool = True
    starts: time | None = None
    ends: time | None = None
    blocked: frozenset[Weekday] = frozenset()

    def refusal(self, now: datetime, *, is_person: bool = False) -> DomainError | None:
        """Say why no meeting is made; None: it may be made.

        A person passes all rules but one: the academy has to be active.
        """
        if not self.is_academy_active:
            return AcademyInactiveError("The academy is not active.")
        if is_person:
            return None
        if not self.creates:
            return AutoCreationOffError("The academy has no meetings made by themselves.")
        local = now.astimezone(self.zone)
        if WEEK[local.weekday()] in self.blocked:
            return BlockedDayError("The academy has no meetings made on this day.")
        shown, start, end = local.time(), self.starts, self.ends
        if start is None or end is None:
            return None
        is_within = start <= shown < end if start < end else shown >= start or shown < end
        if not is_within:
            return OutsideWindowError("The academy has no meetings made at this hour.")
        return None

    def opens_within(self, start: datetime, until: datetime) -> datetime | None:
        """Find the first moment from `start` on, and before `until`, at which nothing is refused.

        None: it refuses all that time.
        """
        at = start if self.refusal(start) is None else self.opens_at(start)
        return at if at is not None and at < until else None

    @lru_cache(maxsize=1024)  # noqa: B019 - a gate is a small value, and the cache has a limit
    def opens_at(self, now: datetime) -> datetime | None:
        """Find the first moment after `now` at which nothing is refused, in UTC.

        None: time alone never opens the gate.
        """
        if not self.is_academy_active or not self.creates or len(self.blocked) == len(WEEK):
            return None
        # The answer changes only where a day or the window starts, or the clocks are changed.
        moments = set(_clock_changes(self.zone, now))
        today = now.astimezone(self.zone).date()
        for days in range(-1, SEARCHED_AHEAD.days + 1):
            for shown in {MIDNIGHT, self.starts or MIDNIGHT}:
                local = datetime.combine(today + timedelta(days=days), shown, self.zone)
                moments |= {local.replace(fold=fold).astimezone(UTC) for fold in (0, 1)}
        later = sorted(moment for moment in moments if moment > now)
        return next((moment for moment in later if not self.refusal(moment)), None)


def _clock_changes(zone: ZoneInfo, now: datetime) -> Iterator[datetime]:
    """Yield the first second of each new UTC offset: sample, then halve the sample's interval."""
    start = now.astimezone(UTC).replace(microsecond=0)
    for n in range(SEARCHED_AHEAD // SAMPLE_STEP):
        before, after = start + n * SAMPLE_STEP, start + (n + 1) * SAMPLE_STEP
        old = _offset(zone, before)
        if _offset(zone, after) == old:
            continue
        while after - before > timedelta(seconds=1):
            middle = before + timedelta(seconds=(after - before) // timedelta(seconds=2))
            before, after = (middle, after) if _offset(zone, middle) == old else (before, middle)
        yield after


def _offset(zone: ZoneInfo, moment: datetime) -> timedelta | None:
    return moment.astimezone(zone).utcoffset()
