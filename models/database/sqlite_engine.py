"""The SQLite client: transactions begin IMMEDIATE, and a cancelled task leaves none open.

Tortoise loads this module by name; the name must contain "sqlite".
"""

from typing import Any

import aiosqlite
from tortoise.backends.base.client import (
    ConnectionWrapper,
    NestedTransactionContext,
    TransactionalDBClient,
    TransactionContext,
)
from tortoise.backends.sqlite.client import (
    SqliteClient,
    SqliteTransactionWrapper,
    translate_exceptions,
)

from models.database.transaction import OneTransaction

BUSY_MILLISECONDS = 5_000


class Client(SqliteClient):
    def __init__(self, file_path: str, **pragmas: Any) -> None:
        # The busy timeout comes first: the change to WAL can already wait for a lock.
        pragmas = {"busy_timeout": BUSY_MILLISECONDS, "synchronous": "NORMAL", **pragmas}
        super().__init__(file_path, **pragmas)

    def _in_transaction(self) -> TransactionContext:
        return OneTransaction(self)

    async def checkout(self) -> TransactionalDBClient:
        await self._lock.acquire()
        try:
            if self._connection is None:
                await self.create_connection(with_db=True)
        except BaseException:
            self._lock.release()
            raise
        return Transaction(self)

    async def release(self, client: TransactionalDBClient) -> None:
        self._lock.release()

    async def execute_many(self, query: str, values: list[list[Any]]) -> None:
        async with self._in_transaction() as transaction:
            await transaction.execute_many(query, values)

    @translate_exceptions
    async def affect(self, query: str, values: list[Any]) -> int:
        """Return how many rows the statement (without RETURNING) wrote."""
        async with self.acquire_connection() as connection:
            cursor: aiosqlite.Cursor = await connection.execute(query, values)
            return cursor.rowcount


class Transaction(SqliteTransactionWrapper):
    _connection: aiosqlite.Connection
    _parent: SqliteClient

    @translate_exceptions
    async def _run(self, statement: str) -> None:
        await self._connection.execute(statement)

    async def begin(self) -> None:
        # A deferred transaction that reads before it writes fails when another one writes.
        await self._run("BEGIN IMMEDIATE")

    async def commit(self) -> None:
        try:
            await self._run("COMMIT")
        except BaseException:
            await self._connection.rollback()
            raise
        self._finalized = True

    async def rollback(self) -> None:
        await self._connection.rollback()
        self._finalized = True

    # A task that was started inside a transaction inherits it. After the end of the transaction
    # such a task works directly on the database.
    def acquire_connection(self) -> ConnectionWrapper[Any]:
        if self._finalized:
            return self._parent.acquire_connection()
        return super().acquire_connection()

    def _in_transaction(self) -> TransactionContext:
        if self._finalized:
            return self._parent._in_transaction()
        return NestedTransactionContext(Transaction(self))

    @translate_exceptions
    async def affect(self, query: str, values: list[Any]) -> int:
        async with self.acquire_connection() as connection:
            cursor: aiosqlite.Cursor = await connection.execute(query, values)
            return cursor.rowcount


client_class = Client
