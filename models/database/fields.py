"""Columns of our own."""

from datetime import UTC, datetime
from typing import Any

from tortoise import fields


def utc(value: datetime | str) -> datetime:
    """The moment in UTC, from what a driver or a caller gives; ValueError if it has no zone."""
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    if moment.tzinfo is None:
        raise ValueError(f"{moment!r} has no time zone; every stored moment needs one.")
    return moment if moment.tzinfo is UTC else moment.astimezone(UTC)


class UtcDatetime(fields.DatetimeField[datetime]):
    """A moment: stored in UTC, read in UTC, refused without a zone.

    SQLite compares moments as text, so one that keeps another zone would sort wrongly.
    """

    def to_python_value(self, value: Any) -> datetime | None:
        return None if value is None else utc(value)

    def to_db_value(self, value: Any, instance: Any) -> Any:
        stored = None if value is None else utc(value)
        self.validate(stored)
        return stored
