"""A day and a week start at midnight in the academy's time zone."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from domain.days import bounds_of_day, day_of, start_of_day, start_of_week
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


@pytest.mark.parametrize("zone", ["Asia/Riyadh", "Africa/Cairo", "America/Havana", "Asia/Beirut"])
def test_each_moment_of_a_year_is_of_the_one_day_that_its_date_names(zone: str) -> None:
    there = ZoneInfo(zone)
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    for _ in range(366 * 8):
        day = moment.astimezone(there).date()
        start, end = bounds_of_day(day, there)
        assert start <= moment < end
        assert bounds_of_day(day + timedelta(days=1), there)[0] == end
        moment += timedelta(hours=3)


def test_a_day_is_written_in_one_way() -> None:
    assert day_of("2026-03-02", "localDate") == date(2026, 3, 2)
    for text in ("2026-3-2", "20260302", "2026-02-29", "2026-W10-1", " 2026-03-02", "0000-01-01"):
        with pytest.raises(InvalidInputError) as refused:
            day_of(text, "filter", "localDate")
        assert refused.value.field == ("filter", "localDate")
