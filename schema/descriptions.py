"""What integrators read: a description for everything in the schema, kept on one page of words.

descriptions.toml has a table per type: `_` is the type itself, `field` a field or an enum's value,
`"field.argument"` an argument. An interface's table speaks for the fields of its types, and
`Connection`, `Edge` and `Payload` for the types whose names end so; `"*.argument"` in one of these
is an argument of every field that answers with such a type. The nearest word wins.
"""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import strawberry
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    get_named_type,
    is_introspection_type,
    is_specified_scalar_type,
)

WORDS = Path(__file__).with_name("descriptions.toml")
SORTS = ("Connection", "Edge", "Payload")

Words = dict[str, dict[str, str]]
Entry = tuple[str, str]  # a table and a key in it
Place = tuple[Any, list[Entry]]  # what is to be described, and where its words may be


def describe(schema: strawberry.Schema, words: Words | None = None) -> set[Entry]:
    """Write the descriptions into a built schema. Which entries were of use to it."""
    words = read_words() if words is None else words
    used = set()
    for element, entries in _places(schema):
        found = next(((table, key) for table, key in entries if key in words.get(table, ())), None)
        if found:
            element.description = words[found[0]][found[1]]
            used.add(found)
    return used


def read_words() -> Words:
    tables = tomllib.loads(WORDS.read_text(encoding="utf-8"))
    return {
        name: {key: text.strip() for key, text in table.items()} for name, table in tables.items()
    }


def _places(schema: strawberry.Schema) -> Iterator[Place]:
    for kind in schema._schema.type_map.values():
        if not (is_introspection_type(kind) or is_specified_scalar_type(kind)):
            yield kind, [(table, "_") for table in (kind.name, *_sorts(kind))]
            yield from _member_places(kind)


def _member_places(kind: GraphQLNamedType) -> Iterator[Place]:
    interfaces = [interface.name for interface in getattr(kind, "interfaces", ())]
    tables = [kind.name, *interfaces, *_sorts(kind)]
    for name, member in _members(kind).items():
        yield member, [(table, name) for table in tables]
        for argument_name, argument in getattr(member, "args", {}).items():
            own = [(table, f"{name}.{argument_name}") for table in tables]
            answer = _sorts(get_named_type(member.type))
            yield argument, own + [(sort, f"*.{argument_name}") for sort in answer]


def _members(kind: GraphQLNamedType) -> dict[str, Any]:
    if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType | GraphQLInputObjectType):
        return dict(kind.fields)
    return dict(kind.values) if isinstance(kind, GraphQLEnumType) else {}


def _sorts(kind: GraphQLNamedType) -> list[str]:
    return [sort for sort in SORTS if kind.name.endswith(sort)]
