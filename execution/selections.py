"""Compiles what a subscription selects to a function that writes the answer to one event.

It writes what graphql-core would answer, byte for byte, or nothing at all: NotCompiledError leaves
a document or an event to graphql-core. Nothing is awaited and nothing is read from the database.
"""

from collections.abc import Callable, Iterable, Mapping
from inspect import getattr_static
from operator import attrgetter
from typing import Any

import orjson
from graphql import (
    BooleanValueNode,
    DirectiveNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLEnumType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLScalarType,
    GraphQLSchema,
    NamedTypeNode,
    OperationDefinitionNode,
    VariableNode,
)
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.field import StrawberryField

from execution.answers import ANSWER_MAX_BYTES
from execution.leaves import SCALARS, Complete, NotCompiledError, exactly
from schema.types.fields import AT_HAND

__all__ = ["NotCompiledError", "Render", "compile_operation"]

Render = Callable[[object], bytes]  # an event, the root field's value -> {"data": ...} as JSON
Read = Callable[[Any], Any]  # an object -> the value of one of its fields
Fields = list[tuple[str, Read, Complete]]
Parent = OperationDefinitionNode | FieldNode
Nodes = dict[str, list[FieldNode]]  # by the name in the answer; several are merged

# Each may repeat the same long text, so more of them could need more memory than the process has.
FIELDS_MAX = 500

_DEFINITION = GraphQLCoreConverter.DEFINITION_BACKREF


def compile_operation(
    schema: GraphQLSchema,
    operation: OperationDefinitionNode,
    fragments: Mapping[str, FragmentDefinitionNode],
    variables: Mapping[str, Any],
) -> Render:
    """Compile a valid subscription; `variables` are the coerced ones of @skip and @include.

    The arguments of the root field are left out: they chose the events.
    """
    selection = _Selection(schema, fragments, variables)
    root = schema.subscription_type
    roots = selection.collect(root, [operation]) if root else {}
    if root is None or operation.directives or len(roots) != 1:
        raise NotCompiledError("not one root field")
    ((key, nodes),) = roots.items()
    field = root.fields.get(nodes[0].name.value)
    if field is None:
        raise NotCompiledError("the root field is none of the subscription's")
    complete = selection.complete(field.type, nodes)

    def render(event: object) -> bytes:
        selection.length = 0
        try:
            answer = orjson.dumps({"data": {key: complete(event)}})
        except Exception as error:
            raise NotCompiledError("an event that ends in an error") from error
        if len(answer) > ANSWER_MAX_BYTES:
            raise NotCompiledError("an answer that is too long")
        return answer

    return render


class _Selection:
    """Compiles the selections of one operation, with the values of its variables.

    While an event is rendered only `length` changes: how long its lists are so far.
    """

    def __init__(
        self,
        schema: GraphQLSchema,
        fragments: Mapping[str, FragmentDefinitionNode],
        variables: Mapping[str, Any],
    ) -> None:
        self._schema = schema
        self._fragments = fragments
        self._variables = variables
        self._fields = 0
        self.length = 0  # of the rows of all lists of the event that is being written

    def collect(self, kind: GraphQLObjectType, parents: Iterable[Parent]) -> Nodes:
        """Find the fields that an object of this type is asked for, in the answer's order."""
        found: Nodes = {}
        spread: set[str] = set()

        def visit(parent: Any) -> None:
            for node in parent.selection_set.selections:
                if not all(map(self._lets_in, node.directives or ())):
                    continue
                if isinstance(node, FieldNode):
                    key = node.alias.value if node.alias else node.name.value
                    found.setdefault(key, []).append(node)
                    continue
                fragment = node
                if isinstance(node, FragmentSpreadNode):
                    if node.name.value in spread:
                        continue
                    spread.add(node.name.value)
                    fragment = self._fragments[node.name.value]
                if self._applies(fragment.type_condition, kind):
                    visit(fragment)

        for parent in parents:
            visit(parent)
        return found

    def complete(self, kind: GraphQLOutputType, nodes: list[FieldNode]) -> Complete:
        """Return the function from the value of a field of this type to its place in the answer."""
        if isinstance(kind, GraphQLNonNull):
            return self._complete_value(kind.of_type, nodes)
        complete = self._complete_value(kind, nodes)
        return lambda value: None if value is None else complete(value)

    def _complete_value(self, kind: GraphQLOutputType, nodes: list[FieldNode]) -> Complete:
        match kind:
            case GraphQLScalarType() if kind.name in SCALARS:
                return SCALARS[kind.name]
            case GraphQLEnumType():
                return {given.value: name for name, given in kind.values.items()}.__getitem__
            case GraphQLList():
                return self._complete_list(self.complete(kind.of_type, nodes))
            case GraphQLObjectType():
                return self._complete_object([kind], nodes)
            case GraphQLInterfaceType():
                return self._complete_object(self._schema.get_possible_types(kind), nodes)
        raise NotCompiledError(f"the type {kind} is not known")

    def _complete_object(
        self, kinds: Iterable[GraphQLObjectType], nodes: list[FieldNode]
    ) -> Complete:
        """Complete an object by its class; a type that cannot be compiled is left out."""
        by_class: dict[type, Fields] = {}
        refusal = NotCompiledError("no type of the interface")
        for kind in kinds:
            asked = self.collect(kind, nodes)
            try:
                fields = [(key, *self._field(kind, same)) for key, same in asked.items()]
            except NotCompiledError as error:
                refusal = error
            else:
                by_class[kind.extensions[_DEFINITION].origin] = fields
        if not by_class:
            raise refusal

        def complete(value: object) -> dict[str, Any]:
            fields = by_class[type(value)]  # a KeyError leaves the event to graphql-core
            return {key: complete_field(read(value)) for key, read, complete_field in fields}

        return complete

    def _complete_list(self, complete: Complete) -> Complete:
        """Render a list row by row, until it is too long: in memory rows may share what is long."""

        def complete_list(values: object) -> list[orjson.Fragment]:
            if not isinstance(values, (list, tuple)):
                raise NotCompiledError("not a list")
            rows = []
            for value in values:
                row = orjson.dumps(complete(value))
                self.length += len(row)
                if self.length > ANSWER_MAX_BYTES:
                    raise NotCompiledError("too long lists")
                rows.append(orjson.Fragment(row))
            return rows

        return complete_list

    def _field(self, kind: GraphQLObjectType, nodes: list[FieldNode]) -> tuple[Read, Complete]:
        self._fields += 1
        if self._fields > FIELDS_MAX:
            raise NotCompiledError("too many fields")
        node, name = nodes[0], nodes[0].name.value
        if name == "__typename":
            return lambda _: kind.name, exactly(str)
        field = kind.fields.get(name)
        declared = field.extensions.get(_DEFINITION) if field else None
        if field is None or not isinstance(declared, StrawberryField) or node.arguments:
            raise NotCompiledError(f"{kind}.{name} is no plain field")
        if AT_HAND in declared.metadata:
            # None is refused, as it is not at hand: graphql-core awaits the value.
            nullable = field.type.of_type if isinstance(field.type, GraphQLNonNull) else field.type
            return declared.metadata[AT_HAND], self._complete_value(nullable, nodes)
        if not declared.is_basic_field:
            raise NotCompiledError(f"{kind}.{name} has a resolver")
        # A property is called itself: by its name that takes twice as long.
        named = getattr_static(kind.extensions[_DEFINITION].origin, declared.python_name, None)
        read = named.fget if isinstance(named, property) else None
        return read or attrgetter(declared.python_name), self.complete(field.type, nodes)

    def _applies(self, condition: NamedTypeNode | None, kind: GraphQLObjectType) -> bool:
        if condition is None or condition.name.value == kind.name:
            return True
        return any(one.name == condition.name.value for one in kind.interfaces)

    def _lets_in(self, directive: DirectiveNode) -> bool:
        name = directive.name.value
        if name not in ("skip", "include"):
            raise NotCompiledError(f"the directive {name} is not known")
        (given,) = directive.arguments or ()
        condition: object = None
        if isinstance(given.value, VariableNode):
            condition = self._variables.get(given.value.name.value)
        elif isinstance(given.value, BooleanValueNode):
            condition = given.value.value
        if type(condition) is not bool:
            raise NotCompiledError(f"the condition of {name} is an error")
        return condition is (name == "include")
