"""Add a column to a table that has rows: they get its default, which Tortoise leaves out."""

from typing import Any

from tortoise.migrations.schema_editor.asyncpg import AsyncpgSchemaEditor
from tortoise.migrations.schema_editor.base import BaseSchemaEditor

from models.database.rebuild_editor import RebuildingEditor


class _Backfilling(BaseSchemaEditor):
    async def add_field(self, model: Any, field_name: str) -> None:
        field = model._meta.fields_map[field_name]
        if not (field.null or field.has_db_default() or callable(field.default)):
            field.db_default = field.default
        await super().add_field(model, field_name)


class SqliteEditor(_Backfilling, RebuildingEditor):
    pass


class PostgresEditor(_Backfilling, AsyncpgSchemaEditor):
    pass
