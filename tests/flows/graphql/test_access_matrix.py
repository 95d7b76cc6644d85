"""Every root field by every role, on own and others' rows: FEATURES C9, asked of the schema."""

from typing import Any

import pytest
from graphql import build_schema

from models import Academy, User
from tests.conftest import Database
from tests.support import make
from tests.support.asking import SCHEMA, Asker, asking, code, payload
from tests.support.matrix import MATRIX, ROLES, Cell, Row
from tests.support.scene import Scene, dump, scene

WRITES = "Mutation."


def test_the_matrix_has_exactly_the_root_fields_of_the_printed_schema() -> None:
    printed = build_schema(SCHEMA.as_str())
    roots = (printed.query_type, printed.mutation_type, printed.subscription_type)
    fields = {f"{root.name}.{name}" for root in roots if root for name in root.fields}
    assert fields == set(MATRIX)


def cells(*, granted_writes: bool) -> list[tuple[str, Row, Cell]]:
    """The mutations that are carried out, or all the rest, which writes nothing."""
    return [
        (name, row, cell)
        for name, row in MATRIX.items()
        for cell in row.cells()
        if (name.startswith(WRITES) and cell.right == "ok") is granted_writes
    ]


async def test_reads_and_refusals_follow_the_matrix_and_change_no_row(
    database: Database,
) -> None:
    there = await scene()
    before = await dump()
    wrong = []
    async with asking() as asker:
        for name, row, cell in cells(granted_writes=False):
            answered = await outcome(asker, there, name, row, cell)
            if answered != cell.right:
                wrong.append((name, cell, answered))
            assert await dump() == before, (name, cell)
    assert wrong == []


async def test_mutations_that_the_matrix_grants_are_carried_out(database: Database) -> None:
    wrong = []
    async with asking() as asker:
        for name, row, cell in cells(granted_writes=True):
            await Academy.filter(slug="new").delete()
            answered = await outcome(asker, await scene(), name, row, cell)
            if answered != "ok":
                wrong.append((name, cell, answered))
    assert wrong == []


async def test_a_row_in_hand_says_who_manages_it_as_the_matrix_does(database: Database) -> None:
    there = await scene()
    for cell in MATRIX["Mutation.cancelSession"].cells():
        if cell.role != "nobody":
            manages = there[cell.target].is_managed_by(make.viewer(there[cell.role]))
            assert manages is (cell.right == "ok"), cell


@pytest.mark.parametrize("kind", ["query", "subscription"])
async def test_details_of_components_are_shown_to_admins_only(
    database: Database, kind: str
) -> None:
    there = await scene()
    document = kind + " { systemStatus { database { isReachable detail } livekit { detail } } }"
    async with asking() as asker:
        ask = asker.ask if kind == "query" else asker.first_event
        for role in ROLES[1:]:
            told = payload(await ask(document, there[role], now=there.now))
            assert told["database"]["isReachable"] is True
            details = {told["database"]["detail"], told["livekit"]["detail"]}
            assert ("" not in details) if role in ("super", "admin") else (details == {""}), role


async def outcome(asker: Asker, there: Scene, name: str, row: Row, cell: Cell) -> str:
    """`ok`, `-`, or the code of the refusal."""
    viewer: User | None = None if cell.role == "nobody" else there[cell.role]
    variables = row.variables(there, cell.target)
    ask = asker.first_event if name.startswith("Subscription.") else asker.ask
    answer = await ask(row.document, viewer, now=there.now, **variables)
    refused = code(answer)
    if refused is None:
        (value,) = answer["data"].values()
        return "ok" if is_there(value, there, cell.target) else "-"
    assert_in_its_place(name, answer, refused)
    return refused


def is_there(value: object, there: Scene, target: str) -> bool:
    if isinstance(value, list):
        return value != [None]
    if isinstance(value, dict) and "nodes" in value:
        return there.id(target) in [node["id"] for node in value["nodes"]]
    return value is not None


def assert_in_its_place(name: str, answer: dict[str, Any], refused: str) -> None:
    """A mutation's refusals are in its payload; only UNAUTHENTICATED is a top-level error."""
    is_on_top = bool(answer["errors"])
    assert is_on_top is (refused == "UNAUTHENTICATED" or not name.startswith(WRITES)), (
        name,
        answer,
    )
