"""A day and a week start at midnight in the academy's time zone."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from domain.days import start_of_day, start_of_week

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
