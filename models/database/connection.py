"""Open and close the database of this process."""

import re
from typing import Any, Literal, cast

import asyncpg
from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.connection import get_connection
from tortoise.context import TortoiseContext, require_context
from tortoise.exceptions import DBConnectionError, OperationalError

Dialect = Literal["sqlite", "postgres"]

_RETRYABLE = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.LockNotAvailableError,
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.TooManyConnectionsError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.ObjectNotInPrerequisiteStateError,  # the database accepts no connections
    asyncpg.InvalidCachedStatementError,
    DBConnectionError,
    ConnectionError,
    TimeoutError,
)

_context: TortoiseContext | None = None


def dialect() -> Dialect:
    """Return the kind of the open database, which is also the name of its connection: Tortoise
    caches SQL by that name."""
    return cast(Dialect, require_context().default_connection)


def client() -> BaseDBAsyncClient:
    """Return the client of this task's open transaction, or of the database itself."""
    return get_connection(dialect())


async def open_database(url: str, *, modules: tuple[str, ...] = ("models",)) -> None:
    """Open `sqlite:///…` or `postgres(ql)://…` for the whole process and connect at once."""
    global _context
    context = TortoiseContext()
    with context:  # only during the start: later every task finds it by the global fallback
        await context.init(config=config(url, modules=modules), _enable_global_fallback=True)
    _context = context
    try:
        await client().execute_query("SELECT 1")
    except BaseException:
        await close_database()
        raise


async def close_database() -> None:
    """Close the database that `open_database` opened, if any."""
    global _context
    if _context is not None:
        context, _context = _context, None
        await context.close_connections()


def config(
    url: str,
    *,
    modules: tuple[str, ...] = ("models",),
    migrations: str = "models.migrations",
    **options: Any,
) -> dict[str, Any]:
    """Return Tortoise's configuration for a URL; `options` are for SQLite.

    Raises ValueError when the URL names neither SQLite nor PostgreSQL.
    """
    name: Dialect
    if match := re.match(r"sqlite:///(.+)", url):
        name, engine = "sqlite", "models.database.sqlite_engine"
        credentials = {"file_path": match[1], **options}
    elif re.match(r"postgres(ql)?://", url):
        name, engine = "postgres", "models.database.asyncpg_engine"
        credentials = {"dsn": url}
    else:
        raise ValueError("The database URL starts with neither sqlite:/// nor postgresql://.")
    app = {"models": list(modules), "default_connection": name, "migrations": migrations}
    connection = {"engine": engine, "credentials": credentials}
    return {"connections": {name: connection}, "apps": {"models": app}}


def is_retryable(error: BaseException) -> bool:
    """Tell whether a retry may succeed a moment later: a lock, a deadlock, a lost connection."""
    if isinstance(error, OperationalError):
        return "database is locked" in str(error) or "database table is locked" in str(error)
    return isinstance(error, _RETRYABLE)
