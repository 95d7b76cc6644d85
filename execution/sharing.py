"""Decides which operations of a subscription may share one execution, and which are compiled.

An operation that selects a field of PER_VIEWER is executed for each viewer. All other operations
run in the scope of the event. Their context has no viewer and raises when it is asked for one.
"""

from collections import Counter, OrderedDict
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

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

from execution.selections import NotCompiledError, Render, compile_operation

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

RENDERERS_MAX = 8  # of one operation, by the values that its directives take


@dataclass(frozen=True, slots=True)
class Renderer:
    """Renders the events of an operation. Equal ones render the same, also if compiled twice."""

    plan: "Plan" = field(repr=False)
    values: Hashable
    render: Render = field(compare=False)


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """Says how an operation is executed, and keeps what its selection was compiled to.

    `cursors` are the variables that only say where a subscriber resumes; `inner` are those that
    stand anywhere but in the arguments of the root field.
    """

    operation: OperationDefinitionNode
    is_shareable: bool
    cursors: frozenset[str]
    inner: frozenset[str]
    _renderers: OrderedDict[Hashable, Renderer | None] = field(default_factory=OrderedDict)

    def answer_key(self, variables: Mapping[str, Any]) -> Hashable:
        """Return what two subscribers to the same events share if they get the same answers.

        `variables` are the coerced ones. The key keeps the plan alive, and so its operation.
        """
        return self, _values(variables, variables.keys() - self.cursors)

    def renderer(
        self, schema: GraphQLSchema, fragments: Fragments, variables: Mapping[str, Any]
    ) -> Renderer | None:
        """Return the compiled selection; None where each viewer, or graphql-core, is needed.

        It does not depend on the arguments of the root field: all sessions share it.
        """
        if not self.is_shareable:
            return None
        key = _values(variables, self.inner)
        if key not in self._renderers:
            try:
                render = compile_operation(schema, self.operation, fragments, variables)
                self._renderers[key] = Renderer(self, key, render)
            except NotCompiledError:
                self._renderers[key] = None
            if len(self._renderers) > RENDERERS_MAX:
                self._renderers.popitem(last=False)
        return self._renderers[key]


def _values(variables: Mapping[str, Any], names: Iterable[str]) -> Hashable:
    return tuple((name, repr(variables[name])) for name in sorted(names) if name in variables)


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
    return Plan(operation, not found.selects_per_viewer, found.cursors, found.inner)


class _Selections(Visitor):
    """Collects what an operation selects and where it uses its variables."""

    def __init__(self, types: TypeInfo) -> None:
        super().__init__()
        self._types = types
        self._mentions: Counter[str] = Counter()
        self._root_uses: Counter[str] = Counter()
        self._cursor_uses: Counter[str] = Counter()
        self.selects_per_viewer = False

    @property
    def cursors(self) -> frozenset[str]:
        """Return the variables that are used only as `after`, besides their declaration."""
        uses = self._cursor_uses.items()
        return frozenset(name for name, count in uses if self._mentions[name] == count + 1)

    @property
    def inner(self) -> frozenset[str]:
        """Return the variables of which some use is no argument of the root field."""
        mentions = self._mentions.items()
        return frozenset(name for name, count in mentions if count > self._root_uses[name] + 1)

    def enter_field(self, node: FieldNode, *_: object) -> None:
        parent = self._types.get_parent_type()
        name = parent.name if parent else ""
        if node.name.value in PER_VIEWER.get(name, ()):
            self.selects_per_viewer = True
        if name == "Subscription":
            for argument in node.arguments or ():
                if isinstance(argument.value, VariableNode):
                    variable = argument.value.name.value
                    self._root_uses[variable] += 1
                    self._cursor_uses[variable] += argument.name.value == "after"

    def enter_variable(self, node: VariableNode, *_: object) -> None:
        self._mentions[node.name.value] += 1
