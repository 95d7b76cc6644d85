"""When a day and a week begin, in somebody's time zone."""

from datetime import UTC, datetime, timedelta, tzinfo


def day_begins(now: datetime, zone: tzinfo) -> datetime:
    """The midnight before this moment, in UTC."""
    local = now.astimezone(zone)
    return local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0).astimezone(UTC)


def week_begins(now: datetime, zone: tzinfo) -> datetime:
    """The midnight with which this moment's Monday begins, in UTC."""
    local = now.astimezone(zone)
    return day_begins(local - timedelta(days=local.weekday()), zone)
