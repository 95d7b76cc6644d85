"""Lists by keyset: a page begins after the last key seen, so inserts neither repeat nor skip."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Generic, Self, TypeVar

from tortoise.expressions import Q, RawSQL
from tortoise.models import Model
from tortoise.queryset import QuerySet

from domain.cursors import key_cursor, key_of
from domain.errors import InvalidInputError
from models.database import sql
from models.database.fields import utc

M = TypeVar("M", bound=Model)
Row = TypeVar("Row")

DEFAULT = 20
MOST = 100


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    rows: list[Row]
    has_next: bool
    has_previous: bool


@dataclass(frozen=True, slots=True)
class Order:
    """By a column of moments and then the id, or by the id alone."""

    moment: str | None = None
    descending: bool = False

    def cursor(self, row: Model) -> str:
        if self.moment is None:
            return key_cursor(row.pk)
        return key_cursor(getattr(row, self.moment).isoformat(), row.pk)

    @property
    def columns(self) -> list[str]:
        sign = "-" if self.descending else ""
        return [f"{sign}{name}" for name in (self.moment, "id") if name]

    def after(self, cursor: str, largest: int) -> Q:
        """Whatever comes after the row of this cursor; INVALID_INPUT for one that is not ours.

        `largest` is the highest id the table can have: the databases disagree on comparing more.
        """
        try:
            match key_of(cursor):
                case [int(number)] if self.moment is None and 0 < number <= largest:
                    return self._beyond({}, "id", number)
                case [str(moment), int(number)] if self.moment and 0 < number <= largest:
                    at = utc(moment)
                    same = self._beyond({self.moment: at}, "id", number)
                    return same | self._beyond({}, self.moment, at)
        except (ValueError, OverflowError):
            pass
        raise InvalidInputError("`after` is not a cursor of this list.", ("after",))

    def _beyond(self, equal: dict[str, Any], column: str, value: object) -> Q:
        conditions = equal | {f"{column}__{'lt' if self.descending else 'gt'}": value}
        return Q(**conditions)


BY_ID = Order()


async def page(
    rows: QuerySet[M], *, order: Order = BY_ID, first: int | None = None, after: str | None = None
) -> Page[M]:
    """At most `first` rows (0 to 100, 20 by default) after the cursor."""
    first = check_first(first)
    if after is not None:
        rows = rows.filter(order.after(after, _largest_id(rows.model)))
    found = await rows.order_by(*order.columns).limit(first + 1)
    return Page(found[:first], len(found) > first, after is not None)


def id_after(cursor: str | None, model: type[Model]) -> int:
    """The id after which a list by id goes on: 0 for its beginning."""
    if cursor is None:
        return 0
    BY_ID.after(cursor, _largest_id(model))  # which refuses what is no cursor of such a list
    return int((key_of(cursor) or (0,))[0])


def _largest_id(model: type[Model]) -> int:
    return int(model._meta.pk.constraints["le"])


def check_first(first: int | None) -> int:
    if first is None:
        return DEFAULT
    if not 0 <= first <= MOST:
        raise InvalidInputError(f"`first` is 0 to {MOST}.", ("first",))
    return first


@dataclass(frozen=True, slots=True)
class Slice:
    """Which part of a list by id: at most `first` rows after this id, which is 0 at its start."""

    first: int
    after: int

    @classmethod
    def of(cls, model: type[Model], first: int | None, after: str | None) -> Self:
        """INVALID_INPUT as of `page`."""
        return cls(check_first(first), id_after(after, model))

    def page(self, rows: Iterable[M]) -> Page[M]:
        """Of rows with at least one more than asked for, where there are as many."""
        found = sorted(rows, key=lambda row: int(row.pk))
        return Page(found[: self.first], len(found) > self.first, self.after > 0)


async def slices(rows: QuerySet[M], by: tuple[str, ...], part: Slice) -> dict[Any, list[M]]:
    """This part of many lists at once, and one row more of each: those that are equal `by` these
    columns, by their values. A statement finds them all, and one reads five hundred of them."""
    table = rows.model._meta.db_table
    columns = ", ".join(f'"{table}"."{name}"' for name in by)
    place = f'ROW_NUMBER() OVER (PARTITION BY {columns} ORDER BY "{table}"."id")'
    numbered = rows.filter(id__gt=part.after).annotate(place=RawSQL(place)).values("id", "place")
    numbered.sql()  # which makes the query
    statement, values = numbered.query.get_parameterized_sql()
    first = f"SELECT id FROM ({statement}) numbered WHERE place <= {part.first + 1} ORDER BY id"
    found: dict[Any, list[M]] = defaultdict(list)
    for some in sql.batches([row["id"] for row in await sql.query(first, *values)]):
        for row in await rows.model.filter(id__in=list(some)):
            found[tuple(getattr(row, name) for name in by)].append(row)
    return found
