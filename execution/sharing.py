"""Decides which operations of a subscription may share one execution.

An operation that selects a field of PER_VIEWER is executed for each viewer. All other operations
run in the scope of the event. Their context has no viewer and raises when it is asked for one.
"""

from collections import Counter, OrderedDict
from dataclasses import dataclass

from graphql import (
    FieldNode,
    GraphQLSchema,
    OperationDefinitionNode,
    TypeInfo,
    TypeInfoVisitor,
    VariableNode,
    Visitor,
    visit,
)
from graphql.language import FragmentDefinitionNode

_SESSION = {
    "attendances",
    "attendanceStatistics",
    "barred",
    "history",
    "myAttendance",
    "stuck",
    "viewerPermissions",
    "warnings",
}
PER_VIEWER: dict[str, set[str]] = {
    "Academy": {
        "accessKeys",
        "meetingLinkTemplate",
        "videoSettings",
        "attendancePolicy",
        "meetingStatistics",
    },
    "User": {
        "email",
        "academy",
        "isActive",
        "isService",
        "children",
        "guardians",
        "meetingSettings",
        "attendanceHistory",
    },
    "Group": {"members"},
    "Attendance": {"events"},
    "Meeting": {"lastError", "room"},
    "Session": _SESSION,
    "QuranSession": _SESSION,
    "AcademicSession": _SESSION,
    "InteractiveCourseSession": _SESSION,
}

Fragments = dict[str, FragmentDefinitionNode]


@dataclass(frozen=True, slots=True)
class Plan:
    """Says how an operation is executed.

    `cursors` are the variables that only say where a subscriber resumes.
    """

    operation: OperationDefinitionNode
    is_shareable: bool
    cursors: frozenset[str]


class Plans:
    """Keeps the plan of each operation, up to a limit; the oldest plan is dropped first."""

    def __init__(self, max_plans: int = 512) -> None:
        self._plans: OrderedDict[int, Plan] = OrderedDict()
        self._max_plans = max_plans

    def find(
        self, schema: GraphQLSchema, operation: OperationDefinitionNode, fragments: Fragments
    ) -> Plan:
        plan = self._plans.get(id(operation))
        # The plan keeps its operation alive, so that no other operation gets its id.
        if plan is None or plan.operation is not operation:
            plan = self._plans[id(operation)] = make_plan(schema, operation, fragments)
            while len(self._plans) > self._max_plans:
                self._plans.popitem(last=False)
        return plan


def make_plan(
    schema: GraphQLSchema, operation: OperationDefinitionNode, fragments: Fragments
) -> Plan:
    types = TypeInfo(schema)
    found = _Selections(types)
    for node in (operation, *fragments.values()):
        visit(node, TypeInfoVisitor(types, found))
    return Plan(operation, not found.selects_per_viewer, found.cursors)


class _Selections(Visitor):
    """Collects what an operation selects and where it uses its variables."""

    def __init__(self, types: TypeInfo) -> None:
        super().__init__()
        self._types = types
        self._mentions: Counter[str] = Counter()
        self._cursor_uses: Counter[str] = Counter()
        self.selects_per_viewer = False

    @property
    def cursors(self) -> frozenset[str]:
        """Return the variables that are used only as `after`, besides their declaration."""
        uses = self._cursor_uses.items()
        return frozenset(name for name, count in uses if self._mentions[name] == count + 1)

    def enter_field(self, node: FieldNode, *_: object) -> None:
        parent = self._types.get_parent_type()
        name = parent.name if parent else ""
        if node.name.value in PER_VIEWER.get(name, ()):
            self.selects_per_viewer = True
        if name == "Subscription":
            for argument in node.arguments or ():
                if argument.name.value == "after" and isinstance(argument.value, VariableNode):
                    self._cursor_uses[argument.value.name.value] += 1

    def enter_variable(self, node: VariableNode, *_: object) -> None:
        self._mentions[node.name.value] += 1
