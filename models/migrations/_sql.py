"""SQL in migrations, for constraints and indexes that Tortoise cannot express."""

from collections.abc import Sequence
from typing import Any

from tortoise.migrations.operations import RunSQL


class Sql(RunSQL):
    """Run statements on both databases, or different ones on each; one statement per string.

    SQLite cannot add a CHECK to a table that exists: write `ops.AddConstraint` with a
    CheckConstraint instead, which rebuilds the table there.
    """

    def __init__(
        self,
        *both: str,
        sqlite: Sequence[str] = (),
        postgres: Sequence[str] = (),
    ) -> None:
        super().__init__([*both])
        self._only = {"sqlite": sqlite, "postgres": postgres}

    async def _run_sql(self, state_editor: Any, sqls: Sequence[str]) -> None:
        for statement in [*sqls, *self._only[state_editor.DIALECT]]:
            await state_editor.client.execute_query(statement)
