"""What settings may be: the bounds of each, and which of them have to go together."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from domain.errors import InvalidInputError
from domain.text import cleaned
from domain.window import WEEK

Bounds = dict[str, tuple[int, int]]

MOST_PARTICIPANTS = 5000
LONGEST_THEME = 100
HOUR = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
HOURS = ("meeting_creation_time_start", "meeting_creation_time_end")
DAYS = "meeting_creation_blocked_days"

# Lowest and highest, per setting.
VIDEO_BOUNDS: Bounds = {
    "ready_minutes_before": (0, 120),
    "meeting_creation_minutes_before": (0, 120),
    "completion_buffer_minutes": (0, 60),
    "max_overtime_minutes": (0, 60),
    "default_max_participants": (1, MOST_PARTICIPANTS),
    "max_duration_minutes": (1, 1440),
    "empty_timeout_seconds": (1, 86400),
    "token_ttl_minutes": (1, 180),
}
POLICY_BOUNDS: Bounds = {
    "present_from_percent": (0, 100),
    "partial_from_percent": (0, 100),
    "late_after_minutes": (0, 1440),
    "merge_gap_seconds": (0, 3600),
    "stale_after_minutes": (1, 1440),
}
TEACHER_BOUNDS: Bounds = {"max_participants": (1, MOST_PARTICIPANTS)}


def checked(
    values: Mapping[str, Any], bounds: Bounds, default_of: Callable[[str], Any]
) -> dict[str, Any]:
    """Each value within its bounds; null goes back to the default."""
    settled = {name: default_of(name) if value is None else value for name, value in values.items()}
    for name in bounds.keys() & settled.keys():
        check_within(name, settled[name], bounds)
    for name in settled.keys() & set(HOURS):
        _check_hour(name, settled[name])
    if DAYS in settled:
        settled[DAYS] = [day.value for day in WEEK if day in (settled[DAYS] or ())]
    return settled


def check_within(name: str, number: int | None, bounds: Bounds) -> None:
    """None is within: it says nothing."""
    low, high = bounds[name]
    if number is not None and not low <= number <= high:
        raise InvalidInputError(f"Between {low} and {high}.", (camel(name),))


def _check_hour(name: str, shown: str | None) -> None:
    if shown is not None and not HOUR.fullmatch(shown):
        raise InvalidInputError('An hour as "HH:MM", from 00:00 to 23:59.', (camel(name),))


def check_window(start: str | None, end: str | None) -> None:
    """Both or none."""
    missing = [name for name, shown in zip(HOURS, (start, end), strict=True) if shown is None]
    if len(missing) == 1:
        raise InvalidInputError("A window has a start and an end.", (camel(missing[0]),))


def cleaned_theme(theme: str | None) -> str | None:
    return None if theme is None else cleaned(theme, LONGEST_THEME, "theme")


def camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
