"""Lists by keyset: a page begins after the last key seen, so inserts neither repeat nor skip."""

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from tortoise.expressions import Q
from tortoise.models import Model
from tortoise.queryset import QuerySet

from domain.cursors import key_cursor, key_of
from domain.errors import InvalidInputError
from models.fields import utc

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
