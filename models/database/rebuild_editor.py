"""Changing a SQLite table. Tortoise makes it anew and forgets most of what hung on the old one."""

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
    unique: list[tuple[str, ...]]  # of constraints written inside CREATE TABLE
    triggers: list[str]
    last_id: int | None  # ids are never used twice


class RebuildingEditor(SqliteSchemaEditor):
    """Gives a rebuilt table back its indexes, unique constraints, triggers and last id.

    What stands on a column that the rebuild took away goes with it.
    """

    async def _remake_table(self, model: Any, *args: Any, **changes: Any) -> None:
        belongings = await self._belongings(model._meta.db_table)
        await super()._remake_table(model, *args, **changes)
        await self._give_back(model, belongings)

    async def _rows(self, sql: str) -> list[dict[str, Any]]:
        return await self.client.execute_query_dict(sql)

    async def _belongings(self, table: str) -> _Belongings:
        listed = await self._rows(f'PRAGMA index_list("{table}")')
        made = await self._rows(
            f"SELECT type, name, sql FROM sqlite_master WHERE tbl_name = '{table}' AND sql NOT NULL"
        )
        return _Belongings(
            indexes=[
                _Index(row["name"], row["sql"], await self._columns(row["name"]))
                for row in made
                if row["type"] == "index"
            ],
            unique=[await self._columns(row["name"]) for row in listed if row["origin"] == "u"],
            triggers=[row["sql"] for row in made if row["type"] == "trigger"],
            last_id=await self._last_id(table),
        )

    async def _columns(self, index: str) -> tuple[str, ...]:
        rows = await self._rows(f'PRAGMA index_info("{index}")')
        return tuple(row["name"] for row in rows)

    async def _last_id(self, table: str) -> int | None:
        if not await self._rows("SELECT 1 FROM sqlite_master WHERE name = 'sqlite_sequence'"):
            return None
        rows = await self._rows(f"SELECT seq FROM sqlite_sequence WHERE name = '{table}'")
        return rows[0]["seq"] if rows else None

    async def _give_back(self, model: Any, old: _Belongings) -> None:
        table = model._meta.db_table
        columns = {row["name"] for row in await self._rows(f'PRAGMA table_info("{table}")')}
        for index in old.indexes:
            if set(index.columns) <= columns:
                await self.client.execute_query(index.sql)
        await self._give_back_unique(model, [one for one in old.unique if set(one) <= columns])
        for trigger in old.triggers:
            await self.client.execute_query(trigger)
        if old.last_id is not None:
            await self._set_last_id(table, old.last_id)

    async def _give_back_unique(self, model: Any, constraints: list[tuple[str, ...]]) -> None:
        # One column's constraint is on the field: Tortoise has written or dropped it itself.
        for columns in constraints:
            if len(columns) > 1:
                await self.add_constraint(model, UniqueConstraint(fields=columns))

    async def _set_last_id(self, table: str, last_id: int) -> None:
        await self.client.execute_query(f"DELETE FROM sqlite_sequence WHERE name = '{table}'")
        await self.client.execute_query(
            "INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", [table, last_id]
        )
