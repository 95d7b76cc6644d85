"""The SQLite client: transactions begin IMMEDIATE, and a cancelled task leaves none open.

Tortoise loads this module by name; the name must contain "sqlite".
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiosqlite
from tortoise.backends.base.client import ConnectionWrapper, NestedTransactionContext
from tortoise.backends.sqlite.client import (
    SqliteClient,
    SqliteTransactionWrapper,
    translate_exceptions,
)

from models.database.atomic import Connection, transaction

BUSY_MILLISECONDS = 5_000


class Client(SqliteClient):
    def __init__(self, file_path: str, **pragmas: Any) -> None:
        # The busy timeout comes first: the change to WAL can already wait for a lock.
        pragmas = {"busy_timeout": BUSY_MILLISECONDS, "synchronous": "NORMAL", **pragmas}
        super().__init__(file_path, **pragmas)

    @asynccontextmanager
    async def checkout(self) -> AsyncIterator[Connection]:
        """Hold the only connection for one transaction, waiting until it is free."""
        async with self._lock:
            if self._connection is None:
                await self.create_connection(with_db=True)
            yield Transaction(self)

    def _in_transaction(self) -> Any:
        return transaction(self)

    async def execute_many(self, query: str, values: list[list[Any]]) -> None:
        async with transaction(self) as connection:
            await connection.execute_many(query, values)

    @translate_exceptions
    async def affect(self, query: str, values: list[Any]) -> int:
        """Return how many rows the statement (without RETURNING) wrote."""
        async with self.acquire_connection() as connection:
            cursor: aiosqlite.Cursor = await connection.execute(query, values)
            return cursor.rowcount


class Transaction(SqliteTransactionWrapper, Connection):
    _connection: aiosqlite.Connection
    _parent: SqliteClient

    async def begin(self) -> None:
        # A deferred transaction that reads before it writes fails when another one writes.
        await self.execute_query("BEGIN IMMEDIATE")

    async def commit(self) -> None:
        await self.execute_query("COMMIT")
        self.is_committed = True

    async def rollback(self) -> None:
        await self._connection.rollback()

    # A task that was started inside a transaction inherits it. After the end of the transaction
    # such a task works directly on the database.
    def acquire_connection(self) -> ConnectionWrapper[Any]:
        if self._finalized:
            return self._parent.acquire_connection()
        return super().acquire_connection()

    def _in_transaction(self) -> Any:
        if self._finalized:
            return self._parent._in_transaction()
        return NestedTransactionContext(Transaction(self))

    affect = Client.affect


client_class = Client
