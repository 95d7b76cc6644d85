"""The PostgreSQL client: locks are waited for 2 s, and a cancelled task leaves no transaction open.

Tortoise loads this module by name; the name must contain "asyncpg".
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from typing import Any, TypeAlias, cast

import asyncpg
from tortoise.backends.asyncpg.client import AsyncpgDBClient, TransactionWrapper
from tortoise.backends.base.client import ConnectionWrapper, NestedTransactionContext
from tortoise.backends.base_postgres.client import translate_exceptions
from tortoise.exceptions import TransactionManagementError

from models.database.atomic import Connection, transaction

DriverConnection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

POOL_SIZE = 10
END_TIMEOUT_S = 10.0  # for COMMIT and ROLLBACK
BEGIN = "BEGIN; SET LOCAL lock_timeout = '2s'"

_savepoints = count(1)


class Client(AsyncpgDBClient):
    def __init__(self, dsn: str, **options: Any) -> None:
        super().__init__(**options)
        self._dsn = dsn

    async def create_connection(self, with_db: bool) -> None:
        """Open the pool. asyncpg reads the URL itself, so every libpq parameter works."""
        self._pool = await asyncpg.create_pool(
            self._dsn,
            min_size=1,
            max_size=POOL_SIZE,
            server_settings={"application_name": "halaqa"},
        )
        await self._post_connect()

    @asynccontextmanager
    async def checkout(self) -> AsyncIterator[Connection]:
        """Hold a connection of the pool for one transaction, waiting until one is free."""
        async with self._pool_init_lock:
            if self._pool is None:
                await self.create_connection(with_db=True)
        assert self._pool is not None
        taken = await self._pool.acquire()
        try:
            yield Transaction(self, cast(DriverConnection, taken))
        finally:
            if self._pool is not None:  # it may be closed since
                await self._pool.release(taken)

    def _in_transaction(self) -> Any:
        return transaction(self)

    async def execute_many(self, query: str, values: list[list[Any]]) -> None:
        async with transaction(self) as connection:
            await connection.execute_many(query, values)

    @translate_exceptions
    async def affect(self, query: str, values: list[Any]) -> int:
        """Return how many rows the statement (without RETURNING) wrote."""
        async with self.acquire_connection() as connection:
            return _rows(await connection.execute(query, *values))


class Transaction(TransactionWrapper, Connection):
    def __init__(self, parent: AsyncpgDBClient, connection: DriverConnection) -> None:
        super().__init__(parent)
        self._connection = connection
        self._savepoint = f"halaqa_{next(_savepoints)}"

    async def begin(self) -> None:
        await self._connection.execute(BEGIN)

    @translate_exceptions
    async def commit(self) -> None:
        # After a failed statement PostgreSQL answers COMMIT with ROLLBACK, and reports no error.
        if await self._end("COMMIT") != "COMMIT":
            raise TransactionManagementError("An earlier statement failed: nothing is stored.")
        self.is_committed = True

    async def rollback(self) -> None:
        await self._end("ROLLBACK")

    async def _end(self, statement: str) -> str:
        """Run COMMIT or ROLLBACK, and drop the connection of a server that does not answer in time:
        a cancelled task and a process that ends do not wait for it."""
        try:
            async with asyncio.timeout(END_TIMEOUT_S):
                return await self._connection.execute(statement)
        except TimeoutError:
            self._connection.terminate()
            raise

    async def savepoint(self) -> None:
        await self._connection.execute(f"SAVEPOINT {self._savepoint}")

    async def release_savepoint(self) -> None:
        await self._connection.execute(f"RELEASE SAVEPOINT {self._savepoint}")
        self._finalized = True

    async def savepoint_rollback(self) -> None:
        await self._connection.execute(f"ROLLBACK TO SAVEPOINT {self._savepoint}")
        self._finalized = True

    # A task that was started inside a transaction inherits it. After the end of the transaction
    # such a task works directly on the database.
    def acquire_connection(self) -> ConnectionWrapper[Any]:
        if self._finalized:
            return cast(ConnectionWrapper[Any], self._parent.acquire_connection())
        return super().acquire_connection()

    def _in_transaction(self) -> Any:
        if self._finalized:
            return self._parent._in_transaction()
        return NestedTransactionContext(Transaction(self, self._connection))

    affect = Client.affect


def _rows(status: str) -> int:
    """Read the count at the end of "UPDATE 3" or "INSERT 0 2"; 0 when there is none."""
    last = status.rpartition(" ")[2]
    return int(last) if last.isdigit() else 0


client_class = Client
