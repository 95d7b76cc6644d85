"""Limits the cost of a document: the fields of its answer are counted before it runs."""

from functools import cached_property

from graphql import (
    FieldNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLField,
    GraphQLNamedType,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    NameNode,
    Node,
    ObjectValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    ValidationRule,
    ValueNode,
    VariableNode,
    get_named_type,
    get_nullable_type,
    is_list_type,
)

from domain.warning import WARNINGS_MAX
from execution.introspection import INTROSPECTION_ROOTS, Introspection
from models.reading.pages import PAGE_DEFAULT_ROWS, PAGE_MAX_ROWS

MAX_FIELDS = 50_000
MAX_DEPTH = 20
# The answer repeats an alias in each row, and each error repeats the name it is about.
ALIAS_MAX_CHARS = 64
NAME_MAX_CHARS = 256

# Rows that a list is assumed to have. A connection's rows are counted by its `first`, so its own
# lists count once.
LIST_ROWS = 10
LIST_LENGTHS = {"warnings": WARNINGS_MAX}  # where a list has a limit of its own
CONNECTION_LISTS = ("edges", "nodes")
# A password check is slow on purpose, and a warning is looked for in the whole time of a class.
# The other fields make LiveKit work.
FIELD_COSTS = {
    "signIn": 5_000,
    "changePassword": 5_000,
    "createMeetingToken": 2_500,
    "endMeeting": 2_500,
    "createMeeting": 500,
    "room": 100,
    "warnings": 10,
}
COUNT = "totalCount"
COUNT_COST = 100  # nested lists are counted together, and each is short
ROOT_COUNT_COST = 500  # a list of the root may have all rows of an academy
FIRST_MAX_CHARS = 9  # Python refuses to read a number of thousands of digits
# A search looks for each word and joins what it finds. A list by warnings looks for those of up to
# a month's sessions, and each count of it does so again.
FILTER_COSTS = {"search": 1_000, "hasWarnings": 2_000}
SCANNED = "hasWarnings"


class NameLimit(ValidationRule):
    """Refuses names that make an answer longer than the data in it."""

    def enter_field(self, node: FieldNode, *_: object) -> None:
        if node.alias and len(node.alias.value) > ALIAS_MAX_CHARS:
            message = f"An alias has at most {ALIAS_MAX_CHARS} characters."
            self.report_error(_refusal(message, node))

    def enter_name(self, node: NameNode, *_: object) -> None:
        if len(node.value) > NAME_MAX_CHARS:
            message = f"A name has at most {NAME_MAX_CHARS} characters."
            self.report_error(_refusal(message, node))


class IntrospectionLimit(ValidationRule):
    """Allows one introspection field in a document: the whole schema is an expensive answer."""

    _roots = 0

    def enter_field(self, node: FieldNode, *_: object) -> None:
        self._roots += node.name.value in INTROSPECTION_ROOTS
        if self._roots > 1 and node.name.value in INTROSPECTION_ROOTS:
            message = "A document has at most one __schema or __type."
            self.report_error(_refusal(message, node))


class CostLimit(ValidationRule):
    """Refuses a document that can ask for more than MAX_FIELDS fields.

    The types form circles (parents and children, sessions and attendances), so a short document
    can ask for more than fits in memory.
    """

    @cached_property
    def _fragment_counts(self) -> dict[str, int]:
        return {}

    @cached_property
    def _fragment_costs(self) -> dict[tuple[str, int], int]:
        return {}

    def enter_operation_definition(self, node: OperationDefinitionNode, *_: object) -> None:
        root = self.context.schema.get_root_type(node.operation)
        cost = self._cost(node.selection_set, root, 0)
        if cost > MAX_FIELDS:
            asked = f"The document can ask for {cost:,} fields"
            self.report_error(_refusal(f"{asked}; at most {MAX_FIELDS:,} are given.", node))

    def _cost(
        self, selections: SelectionSetNode | None, kind: GraphQLNamedType | None, depth: int
    ) -> int:
        if selections is None:
            return 0
        if depth > MAX_DEPTH:
            return MAX_FIELDS + 1
        cost = 0
        for node in selections.selections:
            match node:
                case FieldNode():
                    cost += self._field_cost(node, kind, depth)
                case InlineFragmentNode():
                    named = node.type_condition
                    inner = self.context.schema.get_type(named.name.value) if named else kind
                    cost += self._cost(node.selection_set, inner, depth)
                case FragmentSpreadNode():
                    cost += self._fragment_cost(node.name.value, depth)
        return cost

    def _fragment_cost(self, name: str, depth: int) -> int:
        """Count a fragment once at each depth, however often the document spreads it."""
        fragment = self.context.get_fragment(name)
        if fragment is None:
            return 0
        key = (name, depth)
        if key not in self._fragment_costs:
            self._fragment_costs[key] = MAX_FIELDS + 1  # a fragment that spreads itself has no end
            kind = self.context.schema.get_type(fragment.type_condition.name.value)
            self._fragment_costs[key] = self._cost(fragment.selection_set, kind, depth)
        return self._fragment_costs[key]

    def _counts(self, selections: SelectionSetNode | None) -> int:
        """Return how often a selection asks for the number of all rows, however long its page."""
        number = 0
        for node in selections.selections if selections else ():
            match node:
                case FieldNode():
                    number += node.name.value == COUNT
                case InlineFragmentNode():
                    number += self._counts(node.selection_set)
                case FragmentSpreadNode():
                    name = node.name.value
                    if name not in self._fragment_counts:
                        self._fragment_counts[name] = 0  # one that spreads itself is refused
                        fragment = self.context.get_fragment(name)
                        inner = self._counts(fragment.selection_set) if fragment else 0
                        self._fragment_counts[name] = inner
                    number += self._fragment_counts[name]
        return number

    def _field_cost(self, node: FieldNode, kind: GraphQLNamedType | None, depth: int) -> int:
        name = node.name.value
        if name in INTROSPECTION_ROOTS:
            counter = Introspection(self.context.schema, self.context.get_fragment, MAX_FIELDS)
            return counter.count(node)
        field = getattr(kind, "fields", {}).get(name)
        if field is None:
            return 1
        inner = self._cost(node.selection_set, get_named_type(field.type), depth + 1)
        filters = _filters(node, field)
        own = FIELD_COSTS.get(name, 1) + sum(FILTER_COSTS[one] for one in filters)
        count_cost = COUNT_COST if depth else ROOT_COUNT_COST
        count_cost += FILTER_COSTS[SCANNED] if SCANNED in filters else 0
        own += self._counts(node.selection_set) * count_cost
        return own + _row_count(node, field) * inner


def _filters(node: FieldNode, field: GraphQLField) -> set[str]:
    """Return which costly filters the field is given: with a variable, all that it may hold."""
    match _argument(node, "filter"):
        case ObjectValueNode() as given:
            return FILTER_COSTS.keys() & {one.name.value for one in given.fields}
        case VariableNode() if "filter" in field.args:
            kind = get_named_type(field.args["filter"].type)
            return FILTER_COSTS.keys() & getattr(kind, "fields", {}).keys()
    return set()


def _row_count(node: FieldNode, field: GraphQLField) -> int:
    """Return how many rows the field can give.

    A `first` out of its bounds counts as the nearest bound. It is refused later, or never when the
    field is skipped, and must not lower the cost of the other fields meanwhile.
    """
    if "first" in field.args:
        first = _argument(node, "first")
        if first is None:
            return PAGE_DEFAULT_ROWS
        if not isinstance(first, IntValueNode) or len(first.value) > FIRST_MAX_CHARS:
            return PAGE_MAX_ROWS
        return max(0, min(int(first.value), PAGE_MAX_ROWS))
    if "ids" in field.args:
        ids = _argument(node, "ids")
        return len(ids.values) if isinstance(ids, ListValueNode) else PAGE_MAX_ROWS
    if not is_list_type(get_nullable_type(field.type)) or node.name.value in CONNECTION_LISTS:
        return 1
    return LIST_LENGTHS.get(node.name.value, LIST_ROWS)


def _argument(node: FieldNode, name: str) -> ValueNode | None:
    return next((one.value for one in node.arguments or () if one.name.value == name), None)


def _refusal(message: str, node: Node) -> GraphQLError:
    return GraphQLError(message, node, extensions={"code": "LIMIT_EXCEEDED"})
