"""Our own kinds of columns."""

from datetime import UTC, datetime
from typing import Any

from tortoise import fields


def utc(value: datetime | str) -> datetime:
    """Convert a driver's or a caller's moment to UTC; raise ValueError if it has no time zone."""
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    if moment.tzinfo is None:
        raise ValueError(f"{moment!r} has no time zone; every stored moment needs one.")
    return moment if moment.tzinfo is UTC else moment.astimezone(UTC)


class UtcDatetime(fields.DatetimeField[datetime]):
    """A moment, stored and read in UTC; one without a time zone is refused.

    SQLite compares moments as text, so a moment in another zone would sort wrongly.
    """

    def to_python_value(self, value: Any) -> datetime | None:
        return None if value is None else utc(value)

    def to_db_value(self, value: Any, instance: Any) -> Any:
        stored = None if value is None else utc(value)
        self.validate(stored)
        return stored
