"""Text of any length and moments of any year are answered, in every argument there is."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLObjectType,
    build_schema,
    get_named_type,
    get_nullable_type,
    is_input_object_type,
    is_leaf_type,
    is_list_type,
    is_required_argument,
    is_required_input_field,
)

from tests.conftest import Database
from tests.support.asking import SCHEMA, Asker, asking
from tests.support.scene import Scene, scene

PRINTED = build_schema(SCHEMA.as_str())

EXTREMES = {
    "String": ["x" * 300, "x" * 5000, "x" * 101, "ß" * 60, "ﬃ" * 40],
    "ID": ["x" * 300, "x" * 5000],
    "DateTime": [
        "0001-01-01T00:00:00Z",
        "0001-01-02T00:00:00Z",
        "9999-12-30T00:00:00Z",
        "9999-12-31T23:59:59.999999Z",
    ],
}
NAMED = {
    "academyId": "academy",
    "groupId": "circle",
    "studentId": "student",
    "teacherId": "teacher",
    "userId": "student",
    "userIds": "student",
}
TEXTS = {"localDate": "2026-03-02", "timezone": "Asia/Riyadh", "email": "new@example.org"}

Path = tuple[str, ...]


def fields() -> Iterator[tuple[str, str, GraphQLField]]:
    for kind, root in (("query", PRINTED.query_type), ("mutation", PRINTED.mutation_type)):
        assert root is not None
        for name, field in root.fields.items():
            yield kind, name, field


def leaves(type_: GraphQLInputType, path: Path) -> Iterator[tuple[Path, str]]:
    """The extreme arguments below this one: the path of names to each, and its type."""
    named = get_named_type(type_)
    if isinstance(named, GraphQLInputObjectType):
        for name, field in named.fields.items():
            if name not in path:  # an input in itself is looked at once
                yield from leaves(field.type, (*path, name))
    elif named.name in EXTREMES:
        yield path, named.name


class Filler:
    """Makes the least valid value of each type, with one value of the test's at a path."""

    def __init__(self, there: Scene, field: str, path: Path, value: str) -> None:
        self.there, self.field, self.path, self.value = there, field, path, value

    def fill(self, type_: GraphQLInputType, here: Path) -> Any:
        bare: Any = get_nullable_type(type_)
        if is_list_type(bare):
            return [self.fill(bare.of_type, here)]
        if is_input_object_type(bare):
            return {
                name: self.fill(one.type, (*here, name))
                for name, one in bare.fields.items()
                if is_required_input_field(one) or self._leads(*here, name) or self._names(name)
            }
        return self.value if here == self.path else self._least(bare, here[-1])

    def _leads(self, *here: str) -> bool:
        return self.path[: len(here)] == here

    def _names(self, name: str) -> bool:
        """A member may be named by another value, so that it is not required."""
        return name == "userId" and self.path[:2] == ("members", "activeFrom")

    def _least(self, type_: Any, name: str) -> Any:
        if isinstance(type_, GraphQLEnumType):
            return next(iter(type_.values))
        if type_.name == "ID":
            by_field = {"academy": "academy", "revokeAccessKey": "access_key"}
            return self.there.id(NAMED.get(name) or by_field.get(self.field, "mine"))
        student = {"userExternalId": self.there["student"].external_id}
        texts = {"String": (TEXTS | student).get(name, "x"), "Int": 60, "Boolean": True}
        later = (self.there.now + timedelta(days=1)).isoformat()
        return texts.get(type_.name, later)

    def variables(self, field: GraphQLField) -> dict[str, Any]:
        return {
            name: self.fill(one.type, (name,))
            for name, one in field.args.items()
            if is_required_argument(one) or self._leads(name)
        }


def document(kind: str, name: str, field: GraphQLField, variables: dict[str, Any]) -> str:
    """Ask the field with these variables, and read as much as makes it do its work."""
    answer = get_named_type(field.type)
    parts = ["__typename"]
    if isinstance(answer, GraphQLObjectType):
        parts += [part + " { __typename }" for part in ("nodes", "errors") if part in answer.fields]
    chosen = "" if is_leaf_type(answer) else "{ " + " ".join(parts) + " }"
    if not variables:
        return f"{kind} {{ {name} {chosen} }}"
    declared = ", ".join(f"${one}: {field.args[one].type}" for one in variables)
    given = ", ".join(f"{one}: ${one}" for one in variables)
    return f"{kind} ({declared}) {{ {name}({given}) {chosen} }}"


@pytest.mark.parametrize("type_", EXTREMES)
async def test_an_extreme_value_is_never_a_fault_of_ours(type_: str, database: Database) -> None:
    asked, faults = 0, []
    async with asking() as asker:
        for kind, name, field in fields():
            paths = [
                path
                for argument, one in field.args.items()
                for path, of in leaves(one.type, (argument,))
                if of == type_
            ]
            there = await scene() if paths else None
            for path in paths:
                assert there is not None
                for value in EXTREMES[type_]:
                    variables = Filler(there, name, path, value).variables(field)
                    text = document(kind, name, field, variables)
                    for role in ("admin", None):
                        asked += 1
                        codes = await codes_of(asker, there, role, text, variables)
                        if "INTERNAL" in codes or "GRAPHQL_VALIDATION_FAILED" in codes:
                            faults.append((role, name, path, value[:30], len(value), codes))
    assert faults == []
    assert asked > 50


async def codes_of(
    asker: Asker, there: Scene, role: str | None, text: str, variables: dict[str, Any]
) -> list[str]:
    viewer = there[role] if role else None
    answer = await asker.ask(text, viewer, now=there.now, **variables)
    return [error["extensions"]["code"] for error in answer["errors"]]
