"""Apply all missing migrations in one transaction; one process at a time does it."""

from typing import Any

from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.context import TortoiseContext
from tortoise.migrations.executor import MigrationExecutor, MigrationTarget
from tortoise.migrations.graph import MigrationKey
from tortoise.migrations.recorder import MigrationRecorder
from tortoise.migrations.schema_editor.base import BaseSchemaEditor

from models.database.backfill_editor import PostgresEditor, SqliteEditor
from models.database.connection import config

SQLITE_WAIT_MILLISECONDS = 60_000
POSTGRES_LOCK = 4_237_615_208_117  # an arbitrary number, the same in every process
POSTGRES_LOCK_TIMEOUT = "10s"  # a waiting schema change blocks all other statements


class ForeignKeyError(Exception):
    """A migration would leave rows that point to nothing."""


async def migrate(url: str) -> None:
    """Bring the database to the newest schema; several processes may call this at once."""
    await apply(url)


async def apply(
    url: str,
    *,
    modules: tuple[str, ...] = ("models",),
    migrations: str = "models.migrations",
    until: str = "__latest__",
) -> None:
    """Apply the missing migrations up to `until`; after an error the database is unchanged."""
    # SQLite rebuilds a table by dropping it, which would delete the rows that refer to it.
    options = {"foreign_keys": "OFF", "busy_timeout": SQLITE_WAIT_MILLISECONDS}
    settings = config(url, modules=modules, migrations=migrations, **options)
    async with TortoiseContext() as context:
        await context.init(config=settings)
        client = context.db()
        async with client._in_transaction() as transaction:
            is_sqlite = transaction.capabilities.dialect == "sqlite"
            if not is_sqlite:  # on SQLite, BEGIN IMMEDIATE has let in one process
                await transaction.execute_query("SET LOCAL lock_timeout = 0")
                await transaction.execute_query(f"SELECT pg_advisory_xact_lock({POSTGRES_LOCK})")
                await transaction.execute_query(
                    f"SET LOCAL lock_timeout = '{POSTGRES_LOCK_TIMEOUT}'"
                )
            await _Executor(transaction, settings["apps"]).run(until)
            if not is_sqlite:  # PostgreSQL checks foreign keys itself
                return
            if rows := await transaction.execute_query_dict("PRAGMA foreign_key_check"):
                tables = ", ".join(sorted({row["table"] for row in rows}))
                raise ForeignKeyError(
                    f"Migrating would leave rows that point to nothing in: {tables}."
                )


class _Executor(MigrationExecutor):
    def __init__(self, connection: BaseDBAsyncClient, apps: dict[str, dict[str, Any]]) -> None:
        super().__init__(connection, apps)
        self.recorder = self.loader.recorder = _Recorder(connection)

    async def run(self, until: str) -> None:
        await self.recorder.ensure_schema(self._schema_editor())
        await self.migrate([MigrationTarget("models", until)], direction="forward")

    def _schema_editor(self, atomic: bool = True, collect_sql: bool = False) -> BaseSchemaEditor:
        sqlite = self.connection.capabilities.dialect == "sqlite"
        editor = SqliteEditor if sqlite else PostgresEditor
        return editor(self.connection, atomic=atomic, collect_sql=collect_sql)


class _Recorder(MigrationRecorder):
    """The table of applied migrations. Tortoise's own recorder commits the transaction on SQLite,
    and takes any error for an empty table."""

    async def ensure_schema(self, schema_editor: BaseSchemaEditor) -> None:
        statement = schema_editor._get_model_sql_data(self.model).table_sql
        statement = statement.replace("CREATE TABLE", "CREATE TABLE IF NOT EXISTS", 1)
        await self.connection.execute_query(statement)

    async def applied_migrations(self) -> list[MigrationKey]:
        rows = await self.connection.execute_query_dict(
            f'SELECT app, name FROM "{self.table_name}" ORDER BY id'
        )
        return [MigrationKey(app_label=row["app"], name=row["name"]) for row in rows]
