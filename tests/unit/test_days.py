"""A day and a week start at midnight in the academy's time zone."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.days import bounds_of, day_of, start_of_day, start_of_week
from domain.errors import InvalidInputError

SUNDAY_NIGHT = datetime(2026, 3, 1, 22, 30, tzinfo=UTC)  # Monday, 01:30 in Riyadh


@pytest.mark.parametrize(
    ("zone", "day", "week"),
    [
        ("UTC", datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 2, 23, tzinfo=UTC)),
        (
            "Asia/Riyadh",
            datetime(2026, 3, 1, 21, tzinfo=UTC),
            datetime(2026, 3, 1, 21, tzinfo=UTC),
        ),
    ],
)
def test_they_start_at_midnight_there(zone: str, day: datetime, week: datetime) -> None:
    assert start_of_day(SUNDAY_NIGHT, ZoneInfo(zone)) == day
    assert start_of_week(SUNDAY_NIGHT, ZoneInfo(zone)) == week


def test_a_week_in_which_the_clocks_change_starts_at_its_own_midnight() -> None:
    """Berlin's clocks go forward on Sunday, 29 March 2026."""
    sunday = datetime(2026, 3, 29, 12, tzinfo=UTC)
    assert start_of_week(sunday, ZoneInfo("Europe/Berlin")) == datetime(2026, 3, 22, 23, tzinfo=UTC)


def day(zone: str, text: str) -> tuple[datetime, float]:
    """The start of a day, and its hours."""
    start, end = bounds_of(date.fromisoformat(text), ZoneInfo(zone))
    return start, (end - start) / timedelta(hours=1)


@pytest.mark.parametrize(
    ("zone", "text", "start", "hours"),
    [
        ("Asia/Riyadh", "2026-03-02", datetime(2026, 3, 1, 21, tzinfo=UTC), 24),
        ("Europe/Berlin", "2026-03-29", datetime(2026, 3, 28, 23, tzinfo=UTC), 23),
        ("Europe/Berlin", "2026-10-25", datetime(2026, 10, 24, 22, tzinfo=UTC), 25),
        ("Africa/Cairo", "2026-04-24", datetime(2026, 4, 23, 22, tzinfo=UTC), 23),  # no midnight
        ("America/Havana", "2025-11-02", datetime(2025, 11, 2, 4, tzinfo=UTC), 25),  # has two
        ("Pacific/Apia", "2011-12-29", datetime(2011, 12, 29, 10, tzinfo=UTC), 24),
        ("Pacific/Apia", "2011-12-30", datetime(2011, 12, 30, 10, tzinfo=UTC), 0),  # left out
        ("Pacific/Apia", "2011-12-31", datetime(2011, 12, 30, 10, tzinfo=UTC), 24),
        # From half past eleven to half past twelve: its first moment is no midnight.
        ("America/Toronto", "1919-03-31", datetime(1919, 3, 31, 4, 30, tzinfo=UTC), 23.5),
    ],
)
def test_a_day_is_as_long_as_its_zone_makes_it(
    zone: str, text: str, start: datetime, hours: float
) -> None:
    assert day(zone, text) == (start, hours)


ZONES = ("Africa/Cairo", "America/Havana", "Pacific/Apia", "Europe/Berlin", "Asia/Riyadh")


@given(st.sampled_from(ZONES), st.timedeltas(timedelta(), timedelta(days=20 * 365)))
def test_each_moment_is_in_the_day_that_its_zone_shows(zone: str, after: timedelta) -> None:
    moment = datetime(2009, 1, 1, tzinfo=UTC) + after
    start, end = bounds_of(moment.astimezone(ZoneInfo(zone)).date(), ZoneInfo(zone))
    assert start <= moment < end
    assert start_of_day(moment, ZoneInfo(zone)) == start


@pytest.mark.parametrize(
    "text", ["2026-02-29", "0001-01-01", "9999-12-31", "2026-1-1", "20260101", "", "2026-01-01 "]
)
def test_a_date_has_one_form(text: str) -> None:
    assert day_of("2028-02-29", "localDate") == date(2028, 2, 29)
    with pytest.raises(InvalidInputError) as refused:
        day_of(text, "localDate")
    assert refused.value.field == ("localDate",)
