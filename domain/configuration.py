"""Rules of settings: the bounds of each, and settings that need each other."""

import re
from collections.abc import Mapping
from typing import Any

from domain.errors import InvalidInputError
from domain.text import cleaned
from domain.window import WEEK

Bounds = dict[str, tuple[int, int]]

ROOM_MAX_PARTICIPANTS = 5000
THEME_MAX_CHARS = 100
TOKEN_MAX_MINUTES = 180
HOUR = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
HOURS = ("meeting_creation_time_start", "meeting_creation_time_end")
DAYS = "meeting_creation_blocked_days"

# The lowest and the highest value of each setting.
VIDEO_BOUNDS: Bounds = {
    "ready_minutes_before": (0, 120),
    "meeting_creation_minutes_before": (0, 120),
    "completion_buffer_minutes": (0, 60),
    "max_overtime_minutes": (0, 60),
    "default_max_participants": (1, ROOM_MAX_PARTICIPANTS),
    "max_duration_minutes": (1, 1440),
    "empty_timeout_seconds": (1, 86400),
    "token_ttl_minutes": (1, TOKEN_MAX_MINUTES),
}
POLICY_BOUNDS: Bounds = {
    "present_from_percent": (0, 100),
    "partial_from_percent": (0, 100),
    "late_after_minutes": (0, 1440),
    "minimum_held_minutes": (0, 1440),
    "merge_gap_seconds": (0, 3600),
    "stale_after_minutes": (1, 1440),
}
TEACHER_BOUNDS: Bounds = {"max_participants": (1, ROOM_MAX_PARTICIPANTS)}


def checked_settings(values: Mapping[str, Any], bounds: Bounds) -> dict[str, Any]:
    """Return the settings as they are stored; INVALID_INPUT for one out of bounds."""
    settled = dict(values)
    for name in bounds.keys() & settled.keys():
        check_within(name, settled[name], bounds)
    for name in settled.keys() & set(HOURS):
        if settled[name] is not None and not HOUR.fullmatch(settled[name]):
            raise InvalidInputError('An hour as "HH:MM", from 00:00 to 23:59.', (camel(name),))
    if DAYS in settled:
        settled[DAYS] = [day.value for day in WEEK if day in settled[DAYS]]
    return settled


def check_within(name: str, number: int | None, bounds: Bounds) -> None:
    """Raise INVALID_INPUT for a number out of its bounds; None sets nothing and passes."""
    low, high = bounds[name]
    if number is not None and not low <= number <= high:
        raise InvalidInputError(f"Between {low} and {high}.", (camel(name),))


def check_window(start: str | None, end: str | None) -> None:
    """Raise INVALID_INPUT for a window with a start and no end, or an end and no start."""
    missing = [name for name, shown in zip(HOURS, (start, end), strict=True) if shown is None]
    if len(missing) == 1:
        raise InvalidInputError("A window has a start and an end.", (camel(missing[0]),))


def cleaned_theme(theme: str | None) -> str | None:
    return None if theme is None else cleaned(theme, THEME_MAX_CHARS, "theme")


def camel(name: str) -> str:
    """Turn a column's name into the API's: `blocked_days` into `blockedDays`."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
