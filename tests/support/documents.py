"""Subscriptions of any shape, drawn type by type from a schema: most are valid, so check them."""

from collections.abc import Callable, Sequence
from typing import Any

from graphql import (
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    is_leaf_type,
    is_required_argument,
)
from hypothesis import strategies as st
from strawberry.types.field import StrawberryField

from schema.types.fields import AT_HAND

Composite = GraphQLObjectType | GraphQLInterfaceType
VARIABLES = ("yes", "no")
DEPTH = 4


@st.composite
def subscriptions(
    draw: Callable[..., Any], schema: GraphQLSchema, root: str, arguments: str, types: set[str]
) -> tuple[str, dict[str, bool]]:
    """A document that asks for the root field, mostly about these types, and its variables."""
    author = _Author(draw, schema, types)
    assert schema.subscription_type is not None
    kind = get_named_type(schema.subscription_type.fields[root].type)
    fields = [
        f"{root}({arguments}) {author.selection(kind, DEPTH)}"
        for _ in range(draw(st.integers(1, 2)))
    ]
    text = " ".join(fields)
    if draw(st.booleans()):
        author.fragments["Roots"] = ("Subscription", f"{{ {text} }}")
        text = "...Roots"
    declared = ", ".join(f"${name}: Boolean!" for name in sorted(author.used))
    text = f"subscription {f'({declared})' if declared else ''} {{ {text} }}"
    for name, (condition, fields_of_it) in author.fragments.items():
        text += f"\nfragment {name} on {condition} {fields_of_it}"
    return text, {name: draw(st.booleans()) for name in sorted(author.used)}


class _Author:
    """Writes selections, and keeps the fragments and the variables that they use."""

    def __init__(self, draw: Callable[..., Any], schema: GraphQLSchema, types: set[str]) -> None:
        self._draw = draw
        self._schema = schema
        self._types = types
        self.fragments: dict[str, tuple[str, str]] = {}
        self.used: set[str] = set()

    def selection(self, kind: GraphQLNamedType, depth: int) -> str:
        assert isinstance(kind, GraphQLObjectType | GraphQLInterfaceType)
        parts = [self._part(kind, depth) for _ in range(self._draw(st.integers(1, 5)))]
        return f"{{ {' '.join(parts)} }}"

    def _part(self, kind: Composite, depth: int) -> str:
        is_open = isinstance(kind, GraphQLInterfaceType)
        parts = ["field"] * 8 + ["fragment", "spread"] * (8 if is_open else 1)
        match self._pick([*parts, "__typename"]):
            case "__typename":
                return f"__typename {self._directive()}"
            case "fragment" if depth:
                condition = self._pick([None, *self._conditions(kind)])
                head = f"... on {condition}" if condition else "..."
                inner = self._schema.get_type(condition) if condition else kind
                assert inner is not None
                return f"{head} {self._directive()} {self.selection(inner, depth - 1)}"
            case "spread" if depth:
                return f"...{self._fragment(kind, depth)} {self._directive()}"
        return self._field(kind, depth)

    def _field(self, kind: Composite, depth: int) -> str:
        plain, others = [], ["__typename"]
        for name, field in kind.fields.items():
            is_leaf = is_leaf_type(get_named_type(field.type))
            if _is_plain(field) and (is_leaf or depth):
                plain += [name] * (1 if is_leaf else 4)
            elif is_leaf or (depth and not any(map(is_required_argument, field.args.values()))):
                others.append(name)
        is_strange = not plain or self._pick([False] * 19 + [True])
        name = self._pick(others if is_strange else plain)
        alias = self._pick([None, None, "a", "b"])
        head = f"{alias}_{name}: {name}" if alias else name
        inner = get_named_type(kind.fields[name].type) if name in kind.fields else None
        below = "" if inner is None or is_leaf_type(inner) else self.selection(inner, depth - 1)
        return f"{head} {self._directive()} {below}"

    def _fragment(self, kind: Composite, depth: int) -> str:
        """The name of a fragment that may stand here, an earlier one or a new one."""
        conditions = self._conditions(kind)
        fitting = [name for name, (on, _) in self.fragments.items() if on in conditions]
        chosen: str | None = self._pick([None, *fitting])
        if chosen is None:
            condition = self._pick(conditions)
            inner = self._schema.get_type(condition)
            assert inner is not None
            text = self.selection(inner, depth - 1)
            chosen = f"F{len(self.fragments)}"
            self.fragments[chosen] = (condition, text)
        return chosen

    def _conditions(self, kind: Composite) -> list[str]:
        related: list[Composite] = [kind, *kind.interfaces]
        if isinstance(kind, GraphQLInterfaceType):
            related += self._schema.get_possible_types(kind)
        names = [one.name for one in related]
        return names + 2 * len(names) * [name for name in names if name in self._types]

    def _directive(self) -> str:
        if self._draw(st.integers(0, 5)):
            return ""
        name = self._pick(["skip", "include"])
        condition = self._pick(["true", "false", *VARIABLES])
        if condition in VARIABLES:
            self.used.add(condition)
            condition = f"${condition}"
        return f"@{name}(if: {condition})"

    def _pick(self, choices: Sequence[Any]) -> Any:
        return self._draw(st.sampled_from(choices))


def _is_plain(field: GraphQLField) -> bool:
    declared = field.extensions["strawberry-definition"]
    assert isinstance(declared, StrawberryField)
    return declared.is_basic_field or AT_HAND in declared.metadata
