"""The wall clock. Only the edges read it; all other code is handed the time."""

from datetime import UTC, datetime


def now() -> datetime:
    """Return this moment in UTC, with its time zone."""
    return datetime.now(UTC)
