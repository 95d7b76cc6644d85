"""Our own kinds of columns."""

from datetime import UTC, datetime
from typing import Any, Literal, overload

from tortoise import fields
from tortoise.fields.data import T_STR


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


class ShortText(fields.CharField[T_STR]):
    """Text of at most `max_length` characters. A longer one is not stored, and may be looked for.

    Tortoise would refuse the lookup, as if the text were to be stored: here no row has it.
    """

    # As in Tortoise: these types do not pass to a subclass.
    @overload
    def __init__(
        self: "ShortText[str]", max_length: int, *, null: Literal[False] = False, **options: Any
    ) -> None: ...

    @overload
    def __init__(
        self: "ShortText[str | None]", max_length: int, *, null: Literal[True], **options: Any
    ) -> None: ...

    def __init__(self, max_length: int, **options: Any) -> None:
        super().__init__(max_length, **options)  # type: ignore[misc]

    def to_db_value(self, value: Any, instance: Any) -> Any:
        is_lookup = isinstance(instance, type) and isinstance(value, str)
        return value if is_lookup else super().to_db_value(value, instance)
