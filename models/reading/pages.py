"""Pages of lists, by keyset: a page starts after the last key seen, so an insert neither repeats
nor skips a row."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, Generic, Self, TypeVar

from tortoise.expressions import Q, RawSQL
from tortoise.functions import Count
from tortoise.models import Model
from tortoise.queryset import QuerySet

from domain.cursors import list_cursor, list_place
from domain.errors import InvalidInputError
from models.database import sql
from models.database.connection import client
from models.database.fields import utc

M = TypeVar("M", bound=Model)
Row = TypeVar("Row")

PAGE_DEFAULT_ROWS = 20
PAGE_MAX_ROWS = 100


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """The rows of one page, and whether the list continues on either side.

    `count` counts the rows of the whole list; it reads the database when it is called.
    """

    rows: list[Row]
    has_next: bool
    has_previous: bool
    count: Callable[[], Awaitable[int]] | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """The order of a list: by a column of moments and then by id, or by id alone."""

    moment: str | None = None
    descending: bool = False

    def cursor(self, row: Model) -> str:
        if self.moment is None:
            return list_cursor(row.pk)
        return list_cursor(getattr(row, self.moment).isoformat(), row.pk)

    @property
    def columns(self) -> list[str]:
        sign = "-" if self.descending else ""
        return [f"{sign}{name}" for name in (self.moment, "id") if name]

    def after(self, cursor: str, largest: int) -> Q:
        """Return the condition for rows after this cursor; raise INVALID_INPUT for a bad cursor.

        `largest` is the highest id that the table can have: the databases compare higher numbers
        differently.
        """
        try:
            match list_place(cursor):
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


async def read_page(
    rows: QuerySet[M], *, order: Order = BY_ID, first: int | None = None, after: str | None = None
) -> Page[M]:
    """Read at most `first` rows (0 to 100, 20 by default) after the cursor."""
    first = check_first(first)
    found = await read_after(rows, order, first + 1, after)
    return Page(found[:first], len(found) > first, after is not None, rows.count)


async def read_after(rows: QuerySet[M], order: Order, most: int, after: str | None) -> list[M]:
    """Read at most so many rows after the cursor, from the start without one."""
    if after is not None:
        rows = rows.filter(order.after(after, _largest_id(rows.model)))
    return await rows.order_by(*order.columns).limit(most)


def id_after(cursor: str | None, model: type[Model]) -> int:
    """Return the id after which a list by id continues: 0 for its start."""
    if cursor is None:
        return 0
    BY_ID.after(cursor, _largest_id(model))  # raises when it is no cursor of this list
    return int((list_place(cursor) or (0,))[0])


def _largest_id(model: type[Model]) -> int:
    return int(model._meta.pk.constraints["le"])


def check_first(first: int | None) -> int:
    """Return the number of rows to read; raise INVALID_INPUT when it is out of range."""
    if first is None:
        return PAGE_DEFAULT_ROWS
    if not 0 <= first <= PAGE_MAX_ROWS:
        raise InvalidInputError(f"`first` is 0 to {PAGE_MAX_ROWS}.", ("first",))
    return first


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of a list by id: at most `first` rows after the id `after`; 0 is the start."""

    first: int
    after: int

    @classmethod
    def of(cls, model: type[Model], first: int | None, after: str | None) -> Self:
        """Check the arguments as `read_page` does, and make the slice."""
        return cls(check_first(first), id_after(after, model))

    def page(self, rows: Iterable[M]) -> Page[M]:
        """Make the page from rows that include one row more than the page, if there is one."""
        found = sorted(rows, key=lambda row: int(row.pk))
        return Page(found[: self.first], len(found) > self.first, self.after > 0)


async def count_by(rows: QuerySet[M], column: str) -> dict[Any, int]:
    """Count the rows of many lists at once: rows with an equal value in the column are one list."""
    counted = rows.annotate(number=Count("id")).group_by(column).values(column, "number")
    return {row[column]: row["number"] for row in await counted}


async def read_slices(rows: QuerySet[M], by: tuple[str, ...], part: Slice) -> dict[Any, list[M]]:
    """Read the same part of many lists, and one row more of each.

    Rows with equal values in the columns `by` are one list; the answer is by these values. One
    statement finds all ids, and one more reads each five hundred rows.
    """
    table = rows.model._meta.db_table
    columns = ", ".join(f'"{table}"."{name}"' for name in by)
    place = f'ROW_NUMBER() OVER (PARTITION BY {columns} ORDER BY "{table}"."id")'
    numbered = rows.filter(id__gt=part.after).annotate(place=RawSQL(place)).values("id", "place")
    numbered.sql()  # builds the query, which `get_parameterized_sql` needs
    statement, values = numbered.query.get_parameterized_sql()
    first = f"SELECT id FROM ({statement}) numbered WHERE place <= {part.first + 1} ORDER BY id"
    found: dict[Any, list[M]] = defaultdict(list)
    # Not by `sql.query`: Tortoise has written the parameters in this database's own way.
    ids = [row["id"] for row in await client().execute_query_dict(first, values)]
    for some in sql.batches(ids):
        for row in await rows.model.filter(id__in=list(some)):
            found[tuple(getattr(row, name) for name in by)].append(row)
    return found
