"""One execution, many screens: which operations may share, and what may not be shared.

An operation that selects a field of PER_VIEWER is executed for each viewer. All others run in the
scope of the event, with a context that has no viewer: asking it for one raises.
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
    """`cursors` are the variables that only say where a subscriber goes on."""

    operation: OperationDefinitionNode
    is_shareable: bool
    cursors: frozenset[str]


class Plans:
    """A plan per operation, found once; bounded, the oldest forgotten first."""

    def __init__(self, most: int = 512) -> None:
        self._plans: OrderedDict[int, Plan] = OrderedDict()
        self._most = most

    def find(
        self, schema: GraphQLSchema, operation: OperationDefinitionNode, fragments: Fragments
    ) -> Plan:
        plan = self._plans.get(id(operation))
        # The plan keeps its operation alive, so that no other one gets its id.
        if plan is None or plan.operation is not operation:
            plan = self._plans[id(operation)] = make_plan(schema, operation, fragments)
            while len(self._plans) > self._most:
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
    """What an operation selects, and where its variables go."""

    def __init__(self, types: TypeInfo) -> None:
        super().__init__()
        self._types = types
        self._mentions: Counter[str] = Counter()
        self._places: Counter[str] = Counter()
        self.selects_per_viewer = False

    @property
    def cursors(self) -> frozenset[str]:
        """The variables mentioned where they are declared, and else as a place to go on from."""
        places = self._places.items()
        return frozenset(name for name, uses in places if self._mentions[name] == uses + 1)

    def enter_field(self, node: FieldNode, *_: object) -> None:
        parent = self._types.get_parent_type()
        name = parent.name if parent else ""
        if node.name.value in PER_VIEWER.get(name, ()):
            self.selects_per_viewer = True
        if name == "Subscription":
            self._places.update(_cursor_variables(node))

    def enter_variable(self, node: VariableNode, *_: object) -> None:
        self._mentions[node.name.value] += 1


def _cursor_variables(root: FieldNode) -> list[str]:
    return [
        argument.value.name.value
        for argument in root.arguments or ()
        if argument.name.value == "after" and isinstance(argument.value, VariableNode)
    ]
