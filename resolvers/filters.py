"""What a list's filter asks for, as conditions on rows. Left out or null asks for nothing."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from tortoise.expressions import Q

from domain.errors import InvalidInputError
from schema.types.given import given
from schema.types.ids import Kind, number_of

MOST = 500  # values in one list


def named(column: str, kind: Kind, global_id: str | None) -> Q:
    """Rows whose column is what the id names; no rows for an id that names nothing."""
    if given(global_id) is None:
        return Q()
    return _where(column, number_of(kind, str(global_id)) or 0)


def among(column: str, values: Sequence[str] | None) -> Q:
    """Rows whose column is one of these; no rows for an empty list."""
    if (some := given(values)) is None:
        return Q()
    if len(some) > MOST:
        raise InvalidInputError(f"At most {MOST} values.", ("filter",))
    return _where(f"{column}__in", list(some))


def filled(column: str, wanted: bool | None) -> Q:
    """Rows whose column has a value, or has none."""
    return Q() if given(wanted) is None else _where(f"{column}__isnull", not wanted)


def within(column: str, start: datetime | None, end: datetime | None) -> Q:
    """Rows whose moment is from `start` on and before `end`."""
    condition = Q()
    if given(start) is not None:
        condition &= _where(f"{column}__gte", start)
    if given(end) is not None:
        condition &= _where(f"{column}__lt", end)
    return condition


def _where(condition: str, value: Any) -> Q:
    return Q(**{condition: value})
