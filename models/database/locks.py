"""The order in which rows are locked, so that nobody waits for who waits for them.

First academies and their settings, then groups, then sessions, then people; of each kind by id,
and all at once. Whoever cannot know them all beforehand repeats the transaction: `again_if_raced`.
"""

from collections.abc import Iterable

from models.database import sql
from models.database.connection import dialect

LOCK = "SELECT id FROM {table} WHERE id IN ({ids}) ORDER BY id FOR {mode}"


async def lock_academies(ids: Iterable[int]) -> None:
    # NO KEY: what only refers to the academy need not wait.
    await _lock("academies", ids, "NO KEY UPDATE")


async def lock_sessions(ids: Iterable[int]) -> None:
    await _lock("sessions", ids, "UPDATE")


async def lock_people(ids: Iterable[int]) -> None:
    # NO KEY: what only refers to them need not wait. Another email locks them once more, harder.
    await _lock("users", ids, "NO KEY UPDATE")


async def _lock(table: str, ids: Iterable[int], mode: str) -> None:
    """SQLite's transactions lock everything."""
    if dialect() == "sqlite":
        return
    for some in sql.batches(sorted(set(ids))):
        statement = LOCK.format(table=table, ids=sql.places(len(some)), mode=mode)
        await sql.query(statement, *some)
