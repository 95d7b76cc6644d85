"""Turns the values of a list's filter into conditions. A value left out or null sets none."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from tortoise.expressions import Q

import models
from domain.access import Viewer
from domain.days import bounds_of, day_of
from domain.errors import InvalidInputError
from schema.types.given import given
from schema.types.ids import Kind, number_of
from zones import zone_of

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


def academy_asked(viewer: Viewer, global_id: str | None) -> int | None:
    """Return the one academy, by its number, that the viewer asks about; None for all."""
    if viewer.academy_id is not None or given(global_id) is None:
        return viewer.academy_id
    return number_of(Kind.ACADEMY, str(global_id)) or 0


async def on_local_date(column: str, text: str | None, viewer: Viewer, academy_id: str | None) -> Q:
    """Match rows whose moment is on this date in the time zone of the academy that is asked about.

    INVALID_INPUT if it is no date, or if the viewer has several academies and names none.
    """
    if given(text) is None:
        return Q()
    day, number = day_of(str(text), "filter", "localDate"), academy_asked(viewer, academy_id)
    if number is None:
        message = "The time zone of which academy? Give `academyId` too."
        raise InvalidInputError(message, ("filter", "academyId"))
    academy = await models.Academy.visible_to(viewer).get_or_none(id=number)
    return within(column, *bounds_of(day, zone_of(academy.timezone if academy else "UTC")))


def check_span(
    start: datetime | None, end: datetime | None, local_date: str | None, *field: str
) -> None:
    """Raise INVALID_INPUT unless a date is given, or two ends no further apart than SPAN_MAX."""
    start, end = given(start), given(end)
    if given(local_date) is None and (start is None or end is None or end - start > SPAN_MAX):
        message = f"This needs `localDate`, or `from` and `to` at most {SPAN_MAX.days} days apart."
        raise InvalidInputError(message, ("filter", *field))


def _where(condition: str, value: Any) -> Q:
    return Q(**{condition: value})
