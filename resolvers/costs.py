"""What a document may cost: the fields it can make us answer, counted before it runs."""

from functools import cached_property

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLField,
    GraphQLNamedType,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    ValidationRule,
    get_named_type,
    get_nullable_type,
    is_list_type,
)

from models.pages import DEFAULT, MOST

MOST_FIELDS = 50_000
DEEPEST = 20

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
            self.report_error(
                GraphQLError(
                    f"The document can ask for {cost:,} fields; at most {MOST_FIELDS:,} are given.",
                    node,
                    extensions={"code": "LIMIT_EXCEEDED"},
                )
            )

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
        field = getattr(kind, "fields", {}).get(name)
        if field is None or name.startswith("__"):
            return 1
        inner = self._of_selections(node.selection_set, get_named_type(field.type), depth + 1)
        return HEAVY.get(name, 1) + _how_many(node, field) * inner


def _how_many(node: FieldNode, field: GraphQLField) -> int:
    if "first" in field.args:
        return _asked_for(node)
    if not is_list_type(get_nullable_type(field.type)):
        return 1
    return OF_CONNECTION_ROWS if node.name.value in ROWS else OF_A_LIST


def _asked_for(node: FieldNode) -> int:
    for argument in node.arguments or ():
        if argument.name.value == "first":
            value = argument.value
            return min(int(value.value), MOST) if isinstance(value, IntValueNode) else MOST
    return DEFAULT
