"""Days and weeks in a time zone."""

import re
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from domain.errors import InvalidInputError

FIRST = datetime(1, 1, 1, tzinfo=UTC)
LAST = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def start_of_day(now: datetime, zone: tzinfo) -> datetime:
    """Find the last midnight of the zone before this moment, in UTC."""
    local = now.astimezone(zone)
    return local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0).astimezone(UTC)


def day_of(text: str, *field: str) -> date:
    """Read a date like 2026-03-02; INVALID_INPUT for any other text."""
    try:
        if DATE.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise InvalidInputError(f"`{field[-1]}` is a date like 2026-03-02.", field)


def bounds_of_day(day: date, zone: tzinfo) -> tuple[datetime, datetime]:
    """Return the first moment of the zone's day and that of the next day, in UTC.

    Where the clocks leave out midnight the day starts after it; where midnight comes twice, with
    the first.
    """
    starts = []
    for n in (0, 1):
        try:
            midnight = datetime.combine(day + timedelta(days=n), time(), zone)
            starts.append(midnight.astimezone(UTC))
        except OverflowError:  # the calendar's first and last day
            starts.append(LAST if n else FIRST)
    return starts[0], starts[1]


def start_of_week(now: datetime, zone: tzinfo) -> datetime:
    """Find the midnight that starts the Monday of this moment's week, in UTC."""
    local = now.astimezone(zone)
    return start_of_day(local - timedelta(days=local.weekday()), zone)
