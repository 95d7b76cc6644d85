"""Writes the descriptions that integrators read into the schema.

descriptions.toml has a table for each type: `_` describes the type itself, `field` a field or an
enum's value, `"field.argument"` an argument. An interface's table also describes the fields of its
types. `Connection`, `Edge` and `Payload` describe the types whose names end so; `"*.argument"` in
one of these is an argument of every field that answers with such a type. The nearest entry wins.
"""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import strawberry
from graphql import (
    GraphQLNamedType,
    get_named_type,
    is_introspection_type,
    is_specified_scalar_type,
)

TEXTS_FILE = Path(__file__).with_name("descriptions.toml")
SUFFIXES = ("Connection", "Edge", "Payload")

Texts = dict[str, dict[str, str]]
Entry = tuple[str, str]  # a table and a key in it


def describe(schema: strawberry.Schema, texts: Texts | None = None) -> set[Entry]:
    """Write the descriptions into a built schema. Return the entries that it used."""
    texts = read_texts() if texts is None else texts
    used = set()
    for element, entries in _elements(schema):
        found = next(((table, key) for table, key in entries if key in texts.get(table, ())), None)
        if found:
            element.description = texts[found[0]][found[1]]
            used.add(found)
    return used


def read_texts() -> Texts:
    tables = tomllib.loads(TEXTS_FILE.read_text(encoding="utf-8"))
    return {
        name: {key: text.strip() for key, text in table.items()} for name, table in tables.items()
    }


def _elements(schema: strawberry.Schema) -> Iterator[tuple[Any, list[Entry]]]:
    """Yield everything that needs a description, with the entries it may have, nearest first."""
    for kind in schema._schema.type_map.values():
        if is_introspection_type(kind) or is_specified_scalar_type(kind):
            continue
        suffixes = _suffixes(kind)
        yield kind, [(table, "_") for table in (kind.name, *suffixes)]
        interfaces = [interface.name for interface in getattr(kind, "interfaces", ())]
        tables = [kind.name, *interfaces, *suffixes]
        members = {**getattr(kind, "fields", {}), **getattr(kind, "values", {})}
        for name, member in members.items():
            yield member, [(table, name) for table in tables]
            for argument_name, argument in getattr(member, "args", {}).items():
                own = [(table, f"{name}.{argument_name}") for table in tables]
                answer = _suffixes(get_named_type(member.type))
                yield argument, own + [(suffix, f"*.{argument_name}") for suffix in answer]


def _suffixes(kind: GraphQLNamedType) -> list[str]:
    return [suffix for suffix in SUFFIXES if kind.name.endswith(suffix)]
