"""Run SQL that is written once, with $1..$n, on both databases."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Protocol, TypeVar, cast

from models.database.connection import client, dialect
from models.database.fields import utc

BATCH_SIZE = 500

T = TypeVar("T")


class Counting(Protocol):
    """The method that both of our clients add to Tortoise's."""

    async def affect(self, query: str, values: list[Any]) -> int: ...


async def query(sql: str, *params: Any) -> list[dict[str, Any]]:
    """Return the rows. SQLite gives moments as text and booleans as 0 or 1: read them with
    `fields.utc` and `bool`. JSON comes as text on both databases."""
    (values,) = _bound([params])
    return await client().execute_query_dict(sql, values)


async def execute(sql: str, *params: Any) -> int:
    """Return how many rows the statement wrote. For one with RETURNING use `query`."""
    (values,) = _bound([params])
    return await cast(Counting, client()).affect(sql, values)


async def execute_many(sql: str, rows: Iterable[tuple[Any, ...]]) -> None:
    """Run the statement once per row, for all rows or none."""
    await client().execute_many(sql, _bound(rows))


def lock_suffix(*, skip_locked: bool = False) -> str:
    """Return the end of a SELECT that locks its rows; on SQLite a transaction locks everything."""
    if dialect() == "sqlite":
        return ""
    return " FOR UPDATE SKIP LOCKED" if skip_locked else " FOR UPDATE"


def places(count: int, *, first: int = 1) -> str:
    """Return `$1, $2, $3`, for an IN list or a row of values."""
    return ", ".join(f"${number}" for number in range(first, first + count))


def batches(values: Sequence[T]) -> Iterator[Sequence[T]]:
    """Cut values into batches, in order: a statement takes at most some ten thousand parameters."""
    for start in range(0, len(values), BATCH_SIZE):
        yield values[start : start + BATCH_SIZE]


def _bound(rows: Iterable[Iterable[Any]]) -> list[Any]:
    """Write moments in UTC. To SQLite $1 is a parameter of the name "1", so it gets them by name;
    there may be tens of thousands of rows."""
    values = [[utc(one) if isinstance(one, datetime) else one for one in row] for row in rows]
    if dialect() == "sqlite":
        return [{str(number): one for number, one in enumerate(row, 1)} for row in values]
    return values
