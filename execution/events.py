"""Executes one event of a subscription: once for all viewers who may share it, else for each."""

import asyncio
from typing import Any, cast

import strawberry
from graphql import GraphQLError
from graphql.execution import ExecutionResult, Executor
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from domain.errors import DomainError, UnauthenticatedError
from execution.context import Permission
from execution.sharing import Plan, Plans, Renderer
from schema.types.shared import Shared

_plans = Plans()


def renderer_of(info: strawberry.Info[Any, Any]) -> Renderer | None:
    """Return what renders an operation's events, for its resolver; None where they are executed.

    Operations that ask the same get equal ones.
    """
    raw = info._raw_info
    plan = _plans.find(raw.schema, raw.operation, raw.fragments)
    return plan.renderer(raw.schema, raw.fragments, info.variable_values)


class SharedData(dict[str, Any]):
    """Holds the data of a shared execution, and its JSON once it is written."""

    text: bytes | None = None


class EventExecution(StrawberryGraphQLCoreExecutionContext):
    """Gives each event its own context and memo, and executes a shared event once.

    With one context for all events, its loaders would answer with the rows of the first event.
    """

    _shared: Shared | None = None
    _right: Permission | None = None
    _plan: Plan

    def renderer(self) -> Renderer | None:
        """Return what renders the operation's events; None where they are executed."""
        plan = _plans.find(self.schema, self.operation, self.fragment_definitions)
        variables = self.variable_values.coerced
        return plan.renderer(self.schema, self.fragment_definitions, variables)

    def build_per_event_executor(self, payload: Any) -> Executor[Any]:
        executor = cast(EventExecution, super().build_per_event_executor(payload))
        if hasattr(executor, "_relevant_sub_fields"):
            # graphql-core 3.3.2 shares this memo between events and never forgets: 2 KiB an event.
            executor._relevant_sub_fields = {}
        context = executor.context_value
        executor._right = getattr(context, "right", None)
        shared: Shared | None = getattr(payload, "shared", None)
        if shared is not None:
            plan = _plans.find(self.schema, self.operation, self.fragment_definitions)
            if plan.is_shareable:
                executor._plan, executor._shared = plan, shared
                executor.context_value = context.for_event(shared.scope)
                return executor
        if hasattr(context, "for_event"):
            executor.context_value = context.for_event()
        return executor

    async def execute_operation(self, serially: bool | None = None) -> ExecutionResult:
        """Execute the operation, or take the result of an equal one that shares the event.

        The result is refused if the viewer lost the right meanwhile.
        """
        run: Any
        shared = self._shared
        if shared is None:
            run = super().execute_operation(serially)
        else:
            key = self._plan.answer_key(self.variable_values.coerced)
            if key not in shared.runs:
                run = super().execute_operation(serially)
                run = asyncio.ensure_future(run) if self.is_awaitable(run) else run
                shared.runs[key] = run
            run = shared.runs[key]
            if isinstance(run, asyncio.Future):
                run = asyncio.shield(run)  # it goes on for the others when one subscriber leaves
        result = cast(ExecutionResult, await run if self.is_awaitable(run) else run)
        if shared is not None and type(result.data) is dict and not result.errors:
            result.data = SharedData(result.data)
        if self._right is not None:
            try:
                await self._right.confirm()
            except (DomainError, UnauthenticatedError) as error:
                refused = GraphQLError(str(error), original_error=error)
                return ExecutionResult(data=None, errors=[refused])
        return result
