"""Days and weeks in a time zone, where a day may have no midnight, or two, or no time at all."""

import re
from bisect import bisect_left
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from domain.errors import InvalidInputError

FIRST, LAST = date(1, 1, 3), date(9999, 12, 29)  # each zone can compute the days between them
DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def start_of_day(now: datetime, zone: tzinfo) -> datetime:
    """Find the start of this moment's day in the zone, in UTC."""
    return first_moment(now.astimezone(zone).date(), zone)


def start_of_week(now: datetime, zone: tzinfo) -> datetime:
    """Find the start of the Monday of this moment's week in the zone, in UTC."""
    today = now.astimezone(zone).date()
    return first_moment(today - timedelta(days=today.weekday()), zone)


def first_moment(day: date, zone: tzinfo) -> datetime:
    """Find the first moment at which the zone shows this date, or a later one, in UTC."""
    midnight = datetime.combine(day, time(), zone)
    early, late = sorted(midnight.replace(fold=fold).astimezone(UTC) for fold in (0, 1))
    # The two differ where the clocks are changed around midnight: the moment is between them.
    seconds = range(int((late - early).total_seconds()))
    return early + timedelta(
        seconds=bisect_left(
            seconds,
            True,
            key=lambda n: (early + timedelta(seconds=n)).astimezone(zone).date() >= day,
        )
    )


def bounds_of(day: date, zone: tzinfo) -> tuple[datetime, datetime]:
    """Return the moments at which a day starts and ends: the same one, if the zone left it out."""
    return first_moment(day, zone), first_moment(day + timedelta(days=1), zone)


def day_of(text: str, *field: str) -> date:
    """Read a date like 2026-03-02; INVALID_INPUT for any other text, and at the calendar's ends."""
    try:
        if DATE.fullmatch(text) and FIRST < (day := date.fromisoformat(text)) < LAST:
            return day
    except ValueError:
        pass
    raise InvalidInputError(f"`{field[-1]}` is a date like 2026-03-02.", field)
