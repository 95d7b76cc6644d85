"""Counts the fields of an introspection answer by walking the schema itself."""

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
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

INTROSPECTION_ROOTS = {"__schema": SchemaMetaFieldDef, "__type": TypeMetaFieldDef}

FragmentOf = Callable[[str], FragmentDefinitionNode | None]


class _TooManyFieldsError(Exception):
    """The answer has more fields than the limit."""


class Introspection:
    """Counts the fields of an answer to `__schema` or `__type`."""

    def __init__(self, schema: GraphQLSchema, fragment: FragmentOf, limit: int) -> None:
        self._info = SimpleNamespace(schema=schema)  # all that the introspection resolvers read
        self._fragment = fragment
        self._limit = limit
        self._steps = 0
        self._open: set[str] = set()  # the fragments that are being spread

    def count(self, root: FieldNode) -> int:
        """Return the fields in the answer, the root included; more than the limit is limit + 1."""
        field = INTROSPECTION_ROOTS[root.name.value]
        types = self._info.schema.type_map
        given = root.arguments[0].value if root.arguments else None
        if field is SchemaMetaFieldDef:
            values = [self._info.schema]
        elif isinstance(given, StringValueNode):
            values = [types.get(given.value)]
        else:  # a variable may name any type, so all of them count
            values = [*types.values()]
        kind = get_named_type(field.type)
        try:
            return 1 + sum(self._count_value(one, kind, root.selection_set) for one in values)
        except _TooManyFieldsError:
            return self._limit + 1

    def _count_value(self, value: Any, kind: Any, selections: SelectionSetNode | None) -> int:
        if value is None or selections is None:
            return 0
        count = 0
        for node in self._fields(selections):
            count += 1
            field = kind.fields.get(node.name.value)
            if field is None or field.resolve is None:
                continue
            deprecated = {name: True for name in field.args if name == "includeDeprecated"}
            found = field.resolve(value, self._info, **deprecated)
            values = found or () if is_list_type(get_nullable_type(field.type)) else [found]
            inner = get_named_type(field.type)
            count += sum(self._count_value(one, inner, node.selection_set) for one in values)
        return count

    def _fields(self, selections: SelectionSetNode) -> Iterator[FieldNode]:
        for node in selections.selections:
            self._steps += 1
            if self._steps > self._limit:
                raise _TooManyFieldsError
            match node:
                case FieldNode():
                    yield node
                case InlineFragmentNode():
                    yield from self._fields(node.selection_set)
                case FragmentSpreadNode():
                    yield from self._fragment_fields(node.name.value)

    def _fragment_fields(self, name: str) -> Iterator[FieldNode]:
        fragment = self._fragment(name)
        if name in self._open:
            raise _TooManyFieldsError  # a fragment that spreads itself has no end
        if fragment is not None:
            self._open.add(name)
            yield from self._fields(fragment.selection_set)
            self._open.remove(name)
