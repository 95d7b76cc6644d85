"""Counts what a document asks of the schema itself, by asking: the schema is there to be walked."""

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLNamedType,
    GraphQLSchema,
    InlineFragmentNode,
    SchemaMetaFieldDef,
    SelectionSetNode,
    StringValueNode,
    TypeMetaFieldDef,
    get_named_type,
    get_nullable_type,
    is_list_type,
)

ROOTS = {"__schema": SchemaMetaFieldDef, "__type": TypeMetaFieldDef}

FragmentOf = Callable[[str], FragmentDefinitionNode | None]


class TooManyError(Exception):
    """More is asked for than was to be counted."""


class Introspection:
    """Counts the fields of answers, at most `most` of them: TooManyError where there are more."""

    def __init__(self, schema: GraphQLSchema, fragment: FragmentOf, most: int) -> None:
        self._asked = SimpleNamespace(schema=schema)  # all that its resolvers read
        self._fragment = fragment
        self._most = most
        self._steps = 0
        self._open: set[str] = set()  # the fragments that are being spread

    def count(self, root: FieldNode) -> int:
        """The fields in the answer to `__schema` or `__type`, itself among them."""
        field = ROOTS[root.name.value]
        asked = [self._asked.schema] if field is SchemaMetaFieldDef else self._named(root)
        kind = get_named_type(field.type)
        return 1 + sum(self._of_value(one, kind, root.selection_set) for one in asked)

    def _named(self, root: FieldNode) -> list[GraphQLNamedType | None]:
        """The type that is asked for; where a variable names it, it may be any: all count."""
        types: dict[str, GraphQLNamedType] = self._asked.schema.type_map
        given = root.arguments[0].value if root.arguments else None
        return [types.get(given.value)] if isinstance(given, StringValueNode) else [*types.values()]

    def _of_value(self, value: Any, kind: Any, selections: SelectionSetNode | None) -> int:
        if value is None or selections is None:
            return 0
        return sum(self._of_field(value, node, kind.fields) for node in self._fields(selections))

    def _fields(self, selections: SelectionSetNode) -> Iterator[FieldNode]:
        for node in selections.selections:
            self._steps += 1
            if self._steps > self._most:
                raise TooManyError
            match node:
                case FieldNode():
                    yield node
                case InlineFragmentNode():
                    yield from self._fields(node.selection_set)
                case FragmentSpreadNode():
                    yield from self._fields_of(node.name.value)

    def _fields_of(self, name: str) -> Iterator[FieldNode]:
        fragment = self._fragment(name)
        if name in self._open:
            raise TooManyError  # one that spreads itself has no end
        if fragment is not None:
            self._open.add(name)
            yield from self._fields(fragment.selection_set)
            self._open.remove(name)

    def _of_field(self, value: Any, node: FieldNode, fields: dict[str, GraphQLField]) -> int:
        field = fields.get(node.name.value)
        if field is None or field.resolve is None:
            return 1
        deprecated = {name: True for name in field.args if name == "includeDeprecated"}
        found = field.resolve(value, self._asked, **deprecated)
        some = found or () if is_list_type(get_nullable_type(field.type)) else [found]
        kind = get_named_type(field.type)
        return 1 + sum(self._of_value(one, kind, node.selection_set) for one in some)
