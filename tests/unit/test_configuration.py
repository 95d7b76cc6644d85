"""The bounds of settings: a value outside is refused with the name that the client sent."""

from typing import Any

import pytest

from domain.configuration import VIDEO_BOUNDS, check_window, checked_settings, cleaned_theme
from domain.errors import InvalidInputError
from domain.window import Weekday


@pytest.mark.parametrize(("name", "bounds"), VIDEO_BOUNDS.items())
def test_the_bounds_themselves_are_within(name: str, bounds: tuple[int, int]) -> None:
    for number in bounds:
        values = {name: number}
        assert checked_settings(values, VIDEO_BOUNDS) == values
    for number in (bounds[0] - 1, bounds[1] + 1):
        with pytest.raises(InvalidInputError):
            checked_settings({name: number}, VIDEO_BOUNDS)


def test_days_are_kept_once_and_in_order() -> None:
    days = [Weekday.FRIDAY, Weekday.MONDAY, Weekday.FRIDAY]
    kept = checked_settings({"meeting_creation_blocked_days": days}, VIDEO_BOUNDS)
    assert kept == {"meeting_creation_blocked_days": ["MONDAY", "FRIDAY"]}


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"ready_minutes_before": 121}, "readyMinutesBefore"),
        ({"meeting_creation_time_start": "24:00"}, "meetingCreationTimeStart"),
        ({"meeting_creation_time_end": "9:00"}, "meetingCreationTimeEnd"),
    ],
)
def test_a_refusal_names_the_setting(values: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        checked_settings(values, VIDEO_BOUNDS)
    assert refused.value.field == (field,)


@pytest.mark.parametrize("window", [(None, None), ("22:00", "06:00")])
def test_a_window_has_both_ends_or_none(window: tuple[str | None, str | None]) -> None:
    check_window(*window)


@pytest.mark.parametrize(
    ("window", "field"),
    [((None, "06:00"), "meetingCreationTimeStart"), (("22:00", None), "meetingCreationTimeEnd")],
)
def test_a_window_with_one_end_is_refused(
    window: tuple[str | None, str | None], field: str
) -> None:
    with pytest.raises(InvalidInputError) as refused:
        check_window(*window)
    assert refused.value.field == (field,)


def test_a_theme_is_kept_without_the_space_around_it() -> None:
    assert [cleaned_theme(None), cleaned_theme(" dark ")] == [None, "dark"]
