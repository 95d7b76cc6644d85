"""`python -m models.migrations [name]`: write the next migration from what the models say."""

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
from models.database.fields import UtcDatetime

MODELS = "sqlite:///models-only"  # never opened
OURS: dict[Any, Any] = {CharEnumFieldInstance: fields.CharField, UtcDatetime: fields.DatetimeField}
PROSE = ("table_description", "pk_attr")  # Tortoise finds the primary key among the fields
WORDS = ("description", "enum_type", "encoder", "decoder", "auto_now", "auto_now_add")


class _Autodetector(MigrationAutodetector):
    """Writes columns, not our classes: a migration must not change when an enum or a text does."""

    def _current_state(self) -> State:
        state = super()._current_state()
        for model in state.models.values():
            _simplify(model)
        return state

    async def _project_state(self) -> State:
        state = await super()._project_state()
        for model in state.models.values():
            _forget_prose(model)
        return state


def _simplify(model: ModelState) -> None:
    model.description = ""
    _forget_prose(model)
    model.fields = {name: _column(field) for name, field in model.fields.items()}


def _forget_prose(model: ModelState) -> None:
    for option in PROSE:
        model.options.pop(option, None)


def _column(field: Any) -> Any:
    if isinstance(field, fields.relational.RelationalField):
        return field
    _, args, options = field.deconstruct()
    kept = {key: value for key, value in options.items() if key not in WORDS}
    if isinstance(kept.get("default"), Enum):
        kept["default"] = kept["default"].value
    column = OURS.get(type(field), type(field))(*args, **kept)
    column.model_field_name = field.model_field_name
    return column


async def changes() -> list[MigrationWriter]:
    """What the models say and the migrations do not: one migration, or none."""
    settings = config(MODELS)
    async with TortoiseContext() as context:
        await context.init(config=settings, init_connections=False)
        assert context.apps is not None
        return await _Autodetector(context.apps, settings["apps"]).changes()


async def write(name: str | None) -> str:
    """The path of the new migration, or a sentence when the models ask for none."""
    writers = await changes()
    if not writers:
        return "The models and the migrations agree: nothing to write."
    (writer,) = writers
    if name:
        writer.name = f"{writer.name[:4]}_{name}"
    return f"Written: {writer.write()}. Read it before you commit it."


if __name__ == "__main__":
    print(asyncio.run(write(sys.argv[1] if len(sys.argv) > 1 else None)))
