"""Change a SQLite table. Tortoise rebuilds it and loses most of what belonged to the old one."""

from dataclasses import dataclass
from typing import Any

from tortoise.migrations.constraints import UniqueConstraint
from tortoise.migrations.schema_editor.sqlite import SqliteSchemaEditor


@dataclass(frozen=True)
class _Index:
    name: str
    sql: str
    columns: tuple[str, ...]


@dataclass(frozen=True)
class _Belongings:
    indexes: list[_Index]
    unique: list[tuple[str, ...]]  # the constraints written inside CREATE TABLE
    triggers: list[str]
    last_id: int | None  # so that no id is used twice


class RebuildingEditor(SqliteSchemaEditor):
    """Restore the indexes, unique constraints, triggers and last id of a rebuilt table.

    An index or constraint on a column that the rebuild removed is removed too.
    """

    async def _remake_table(self, model: Any, *args: Any, **changes: Any) -> None:
        belongings = await self._read_belongings(model._meta.db_table)
        await super()._remake_table(model, *args, **changes)
        await self._restore(model, belongings)

    async def _rows(self, sql: str) -> list[dict[str, Any]]:
        return await self.client.execute_query_dict(sql)

    async def _read_belongings(self, table: str) -> _Belongings:
        listed = await self._rows(f'PRAGMA index_list("{table}")')
        made = await self._rows(
            f"SELECT type, name, sql FROM sqlite_master WHERE tbl_name = '{table}' AND sql NOT NULL"
        )
        last_ids: list[dict[str, Any]] = []
        if await self._rows("SELECT 1 FROM sqlite_master WHERE name = 'sqlite_sequence'"):
            last_ids = await self._rows(f"SELECT seq FROM sqlite_sequence WHERE name = '{table}'")
        return _Belongings(
            indexes=[
                _Index(row["name"], row["sql"], await self._columns(row["name"]))
                for row in made
                if row["type"] == "index"
            ],
            unique=[await self._columns(row["name"]) for row in listed if row["origin"] == "u"],
            triggers=[row["sql"] for row in made if row["type"] == "trigger"],
            last_id=last_ids[0]["seq"] if last_ids else None,
        )

    async def _columns(self, index: str) -> tuple[str, ...]:
        rows = await self._rows(f'PRAGMA index_info("{index}")')
        return tuple(row["name"] for row in rows)

    async def _restore(self, model: Any, old: _Belongings) -> None:
        table = model._meta.db_table
        columns = {row["name"] for row in await self._rows(f'PRAGMA table_info("{table}")')}
        for index in old.indexes:
            if set(index.columns) <= columns:
                await self.client.execute_query(index.sql)
        for constraint in old.unique:
            # Tortoise itself keeps or drops a constraint on one column: it is on the field.
            if len(constraint) > 1 and set(constraint) <= columns:
                await self.add_constraint(model, UniqueConstraint(fields=constraint))
        for trigger in old.triggers:
            await self.client.execute_query(trigger)
        if old.last_id is not None:
            await self.client.execute_query(f"DELETE FROM sqlite_sequence WHERE name = '{table}'")
            await self.client.execute_query(
                "INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", [table, old.last_id]
            )
