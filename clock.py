"""The wall clock. Only edges ask it; everything inside is handed the time."""

from datetime import UTC, datetime


def now() -> datetime:
    """This moment, aware, in UTC."""
    return datetime.now(UTC)
