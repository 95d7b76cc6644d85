"""The order in which rows are locked, so that no two transactions wait for each other.

First academies and their settings, then groups, then sessions, then people; each kind by id and
all at once. A transaction that learns too late which rows it needs is repeated: `retry_if_raced`.
"""

from collections.abc import Iterable

from models.database import sql
from models.database.connection import dialect

LOCK = "SELECT id FROM {table} WHERE id IN ({ids}) ORDER BY id FOR {mode}"


async def lock_academies(ids: Iterable[int]) -> None:
    # NO KEY: a row that only refers to the academy need not wait.
    await _lock("academies", ids, "NO KEY UPDATE")


async def lock_groups(ids: Iterable[int]) -> None:
    await _lock("groups", ids, "NO KEY UPDATE")


async def lock_sessions(ids: Iterable[int]) -> None:
    await _lock("sessions", ids, "UPDATE")


async def lock_people(ids: Iterable[int]) -> None:
    # NO KEY: a row that only refers to them need not wait. A change of email, which is part of a
    # key, takes the stronger lock by itself.
    await _lock("users", ids, "NO KEY UPDATE")


async def _lock(table: str, ids: Iterable[int], mode: str) -> None:
    """Lock the rows; on SQLite a transaction locks the whole database already."""
    if dialect() == "sqlite":
        return
    for some in sql.batches(sorted(set(ids))):
        statement = LOCK.format(table=table, ids=sql.places(len(some)), mode=mode)
        await sql.query(statement, *some)
