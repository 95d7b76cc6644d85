"""The limits of an answer: a log may tell of times that no answer can hold."""

from datetime import datetime

from domain.attendance.state import from_ms

INT_MAX = 2**31 - 1  # GraphQL's Int has 32 bits
# The years 1 to 9999, which are those of datetime.
FIRST_MS, LAST_MS = -62_135_596_800_000, 253_402_300_799_999


def seconds_in(ms: int) -> int:
    """Round down to whole seconds, and no further than an Int goes."""
    return max(-INT_MAX, min(ms // 1000, INT_MAX))


def moment_at(ms: int) -> datetime:
    """Return the moment, or the nearest one that the calendar has."""
    return from_ms(max(FIRST_MS, min(ms, LAST_MS)))
