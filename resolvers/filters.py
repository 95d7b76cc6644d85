"""Turns the values of a list's filter into conditions. A value left out or null sets none."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from tortoise.expressions import Q

from domain.errors import InvalidInputError
from schema.types.given import given
from schema.types.ids import Kind, number_of

LIST_MAX_VALUES = 500
SPAN_MAX = timedelta(days=31)


def named(column: str, kind: Kind, global_id: str | None) -> Q:
    """Match rows whose column has the id's number. An id that names nothing matches no row."""
    if given(global_id) is None:
        return Q()
    return _where(column, number_of(kind, str(global_id)) or 0)


def among(column: str, values: Sequence[str] | None) -> Q:
    """Match rows whose column has one of these values. An empty list matches no row."""
    if (some := given(values)) is None:
        return Q()
    if len(some) > LIST_MAX_VALUES:
        raise InvalidInputError(f"At most {LIST_MAX_VALUES} values.", ("filter",))
    return _where(f"{column}__in", list(some))


def filled(column: str, wanted: bool | None) -> Q:
    """Match rows whose column has a value, or rows whose column is null."""
    return Q() if given(wanted) is None else _where(f"{column}__isnull", not wanted)


def within(column: str, start: datetime | None, end: datetime | None) -> Q:
    """Match rows whose moment is at `start` or later, and before `end`."""
    condition = Q()
    if given(start) is not None:
        condition &= _where(f"{column}__gte", start)
    if given(end) is not None:
        condition &= _where(f"{column}__lt", end)
    return condition


def check_span(start: datetime | None, end: datetime | None, *field: str) -> None:
    """Raise INVALID_INPUT unless both ends are given, and no further apart than SPAN_MAX."""
    start, end = given(start), given(end)
    if start is None or end is None or end - start > SPAN_MAX:
        message = f"This needs `from` and `to`, at most {SPAN_MAX.days} days apart."
        raise InvalidInputError(message, ("filter", *field))


def _where(condition: str, value: Any) -> Q:
    return Q(**{condition: value})
