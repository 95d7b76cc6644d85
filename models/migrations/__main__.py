"""`python -m models.migrations [name]`: write the next migration from the models."""

import asyncio
import sys
from enum import Enum
from typing import Any

from tortoise import fields
from tortoise.context import TortoiseContext
from tortoise.fields.data import CharEnumFieldInstance
from tortoise.migrations.autodetector import MigrationAutodetector
from tortoise.migrations.schema_generator.state import ModelState, State
from tortoise.migrations.writer import MigrationWriter

from models.database.connection import config
from models.database.fields import ShortText, UtcDatetime

MODELS = "sqlite:///models-only"  # never opened
PLAIN_FIELDS: dict[Any, Any] = {
    CharEnumFieldInstance: fields.CharField,
    UtcDatetime: fields.DatetimeField,
    ShortText: fields.CharField,
}
IGNORED_OPTIONS = ("table_description", "pk_attr")  # Tortoise finds the primary key by itself
IGNORED_FIELD_OPTIONS = frozenset(
    ("description", "enum_type", "encoder", "decoder", "auto_now", "auto_now_add")
)


class _Autodetector(MigrationAutodetector):
    """Find changes of columns only: a change of an enum or a description writes no migration."""

    def _current_state(self) -> State:
        state = super()._current_state()
        for model in state.models.values():
            _make_plain(model)
        return state

    async def _project_state(self) -> State:
        state = await super()._project_state()
        for model in state.models.values():
            _drop_ignored_options(model)
        return state


def _make_plain(model: ModelState) -> None:
    model.description = ""
    _drop_ignored_options(model)
    model.fields = {name: _column(field) for name, field in model.fields.items()}


def _drop_ignored_options(model: ModelState) -> None:
    for option in IGNORED_OPTIONS:
        model.options.pop(option, None)


def _column(field: Any) -> Any:
    if isinstance(field, fields.relational.RelationalField):
        return field
    _, args, options = field.deconstruct()
    kept = {key: value for key, value in options.items() if key not in IGNORED_FIELD_OPTIONS}
    if isinstance(kept.get("default"), Enum):
        kept["default"] = kept["default"].value
    column = PLAIN_FIELDS.get(type(field), type(field))(*args, **kept)
    column.model_field_name = field.model_field_name
    return column


async def changes() -> list[MigrationWriter]:
    """Return the migration that brings the schema to the models: a list of one, or empty."""
    settings = config(MODELS)
    async with TortoiseContext() as context:
        await context.init(config=settings, init_connections=False)
        assert context.apps is not None
        return await _Autodetector(context.apps, settings["apps"]).changes()


async def write(name: str | None) -> str:
    """Write the migration and return its path, or return a sentence when nothing has changed."""
    writers = await changes()
    if not writers:
        return "The models and the migrations agree: nothing to write."
    (writer,) = writers
    if name:
        writer.name = f"{writer.name[:4]}_{name}"
    return f"Written: {writer.write()}. Read it before you commit it."


if __name__ == "__main__":
    print(asyncio.run(write(sys.argv[1] if len(sys.argv) > 1 else None)))
