"""Starts of days and weeks in a time zone."""

from datetime import UTC, datetime, timedelta, tzinfo


def start_of_day(now: datetime, zone: tzinfo) -> datetime:
    """Find the last midnight of the zone before this moment, in UTC."""
    local = now.astimezone(zone)
    return local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0).astimezone(UTC)


def start_of_week(now: datetime, zone: tzinfo) -> datetime:
    """Find the midnight that starts the Monday of this moment's week, in UTC."""
    local = now.astimezone(zone)
    return start_of_day(local - timedelta(days=local.weekday()), zone)
