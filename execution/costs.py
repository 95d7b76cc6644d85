"""What a document may cost: the fields it can make us answer, counted before it runs."""

from functools import cached_property

from graphql import (
    ArgumentNode,
    FieldNode,
    FragmentDefinitionNode,
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
    VariableNode,
    get_named_type,
    get_nullable_type,
    is_list_type,
)

from execution.introspection import ROOTS, Introspection, TooManyError
from models.reading.pages import PAGE_DEFAULT_ROWS, PAGE_MAX_ROWS

MOST_FIELDS = 50_000
DEEPEST = 20
# An alias stands in the answer once for each row, a name in each error that is about it.
LONGEST_ALIAS = 64
LONGEST_NAME = 256

# How many a list is taken to have. A connection's `first` says it, and its rows are counted there.
OF_A_LIST = 10
OF_CONNECTION_ROWS = 1
ROWS = ("edges", "nodes")
# A password is slow to check, and that is its point. The others give LiveKit something to do.
HEAVY = {
    "signIn": 5_000,
    "changePassword": 5_000,
    "createMeetingToken": 2_500,
    "endMeeting": 2_500,
    "createMeeting": 500,
    "room": 100,
}
LONGEST_FIRST = 9  # characters: Python refuses to read a number of thousands
SEARCH = 1_000  # each of its words is looked for in every row that the viewer may see


class NameLimit(ValidationRule):
    """Refuses names that would make an answer longer than the data in it."""

    def enter_field(self, node: FieldNode, *_: object) -> None:
        if node.alias and len(node.alias.value) > LONGEST_ALIAS:
            message = f"An alias has at most {LONGEST_ALIAS} characters."
            self.report_error(_refusal(message, node))

    def enter_name(self, node: NameNode, *_: object) -> None:
        if len(node.value) > LONGEST_NAME:
            message = f"A name has at most {LONGEST_NAME} characters."
            self.report_error(_refusal(message, node))


class IntrospectionLimit(ValidationRule):
    """Gives the schema once: all of it costs as much as many other questions."""

    _roots = 0

    def enter_field(self, node: FieldNode, *_: object) -> None:
        self._roots += node.name.value in ROOTS
        if self._roots > 1 and node.name.value in ROOTS:
            message = "A document has at most one __schema or __type."
            self.report_error(_refusal(message, node))


class CostLimit(ValidationRule):
    """Families are circles, and sessions lead to attendances that lead to sessions: without a
    limit a short document can ask for more than there is memory."""

    @cached_property
    def _known(self) -> dict[tuple[str, str], int]:
        return {}

    def enter_operation_definition(self, node: OperationDefinitionNode, *_: object) -> None:
        root = self.context.schema.get_root_type(node.operation)
        cost = self._of_selections(node.selection_set, root, 0)
        if cost > MOST_FIELDS:
            asked = f"The document can ask for {cost:,} fields"
            self.report_error(_refusal(f"{asked}; at most {MOST_FIELDS:,} are given.", node))

    def _of_selections(
        self, selections: SelectionSetNode | None, kind: GraphQLNamedType | None, depth: int
    ) -> int:
        if selections is None:
            return 0
        if depth > DEEPEST:
            return MOST_FIELDS + 1
        return sum(self._of_one(one, kind, depth) for one in selections.selections)

    def _of_one(self, node: object, kind: GraphQLNamedType | None, depth: int) -> int:
        match node:
            case FieldNode():
                return self._of_field(node, kind, depth)
            case InlineFragmentNode():
                named = node.type_condition
                inner = self.context.schema.get_type(named.name.value) if named else kind
                return self._of_selections(node.selection_set, inner, depth)
            case FragmentSpreadNode():
                return self._of_fragment(self.context.get_fragment(node.name.value), depth)
        return 0

    def _of_fragment(self, fragment: FragmentDefinitionNode | None, depth: int) -> int:
        """Counted once at each depth, however often it is spread."""
        if fragment is None:
            return 0
        key = (fragment.name.value, str(depth))
        if key not in self._known:
            self._known[key] = MOST_FIELDS + 1  # one that spreads itself has no end
            kind = self.context.schema.get_type(fragment.type_condition.name.value)
            self._known[key] = self._of_selections(fragment.selection_set, kind, depth)
        return self._known[key]

    def _of_field(self, node: FieldNode, kind: GraphQLNamedType | None, depth: int) -> int:
        name = node.name.value
        if name in ROOTS:
            return self._of_introspection(node)
        field = getattr(kind, "fields", {}).get(name)
        if field is None:
            return 1
        inner = self._of_selections(node.selection_set, get_named_type(field.type), depth + 1)
        many = _how_many(node, field)
        return HEAVY.get(name, 1) + SEARCH * _may_search(node) + many * inner

    def _of_introspection(self, node: FieldNode) -> int:
        counting = Introspection(self.context.schema, self.context.get_fragment, MOST_FIELDS)
        try:
            return counting.count(node)
        except TooManyError:
            return MOST_FIELDS + 1


def _how_many(node: FieldNode, field: GraphQLField) -> int:
    if "first" in field.args:
        return _asked_for(node)
    if "ids" in field.args:
        return _named_in(node)
    if not is_list_type(get_nullable_type(field.type)):
        return 1
    return OF_CONNECTION_ROWS if node.name.value in ROWS else OF_A_LIST


def _asked_for(node: FieldNode) -> int:
    """Between none and the most that any list gives: what is out of bounds is refused later, or
    never where the field is skipped, and must not pay for others meanwhile."""
    given = _argument(node, "first")
    if given is None:
        return PAGE_DEFAULT_ROWS
    if not isinstance(given.value, IntValueNode) or len(given.value.value) > LONGEST_FIRST:
        return PAGE_MAX_ROWS
    return max(0, min(int(given.value.value), PAGE_MAX_ROWS))


def _named_in(node: FieldNode) -> int:
    given = _argument(node, "ids")
    if given and isinstance(given.value, ListValueNode):
        return len(given.value.values)
    return PAGE_MAX_ROWS


def _may_search(node: FieldNode) -> bool:
    """Whether its filter has a search, or is a variable, so that nobody knows."""
    given = _argument(node, "filter")
    if given is None or not isinstance(given.value, ObjectValueNode):
        return given is not None and isinstance(given.value, VariableNode)
    return any(field.name.value == "search" for field in given.value.fields)


def _argument(node: FieldNode, name: str) -> ArgumentNode | None:
    return next((one for one in node.arguments or () if one.name.value == name), None)


def _refusal(message: str, node: Node) -> GraphQLError:
    return GraphQLError(message, node, extensions={"code": "LIMIT_EXCEEDED"})
