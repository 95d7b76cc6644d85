"""Opening and closing the database a process works on."""

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
    asyncpg.ObjectNotInPrerequisiteStateError,  # the database lets nobody in
    asyncpg.InvalidCachedStatementError,
    DBConnectionError,
    ConnectionError,
    TimeoutError,
)

_context: TortoiseContext | None = None


def dialect() -> Dialect:
    """Which database is open. It is also the connection's name: Tortoise caches SQL by name."""
    return cast(Dialect, require_context().default_connection)


def client() -> BaseDBAsyncClient:
    """The open transaction of this task, or the database itself."""
    return get_connection(dialect())


async def open_database(url: str, *, modules: tuple[str, ...] = ("models",)) -> None:
    """Open `sqlite:///…` or `postgres(ql)://…` for the whole process and connect at once."""
    global _context
    context = TortoiseContext()
    with context:  # only while it starts: every task finds it through the global fallback
        await context.init(config=config(url, modules=modules), _enable_global_fallback=True)
    _context = context
    try:
        await client().execute_query("SELECT 1")
    except BaseException:
        await close_database()
        raise


async def close_database() -> None:
    """Close what `open_database` opened; nothing to do when nothing is open."""
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
    """Tortoise's configuration for a URL; ValueError when it is neither SQLite nor PostgreSQL."""
    name, connection = _connection(url, options)
    app = {"models": list(modules), "default_connection": name, "migrations": migrations}
    return {"connections": {name: connection}, "apps": {"models": app}}


def _connection(url: str, options: dict[str, Any]) -> tuple[Dialect, dict[str, Any]]:
    if match := re.match(r"sqlite:///(.+)", url):
        credentials = {"file_path": match[1], **options}
        return "sqlite", {"engine": "models.database.sqlite_engine", "credentials": credentials}
    if re.match(r"postgres(ql)?://", url):
        return "postgres", {"engine": "models.database.asyncpg_engine", "credentials": {"dsn": url}}
    raise ValueError("The database URL starts with neither sqlite:/// nor postgresql://.")


def is_retryable(error: BaseException) -> bool:
    """Whether the same work can succeed a moment later: a lock, a deadlock, a lost connection."""
    if isinstance(error, OperationalError):
        return "database is locked" in str(error) or "database table is locked" in str(error)
    return isinstance(error, _RETRYABLE)
