"""Executes one event of a subscription: once for all viewers who may share it, else for each."""

import asyncio
from collections.abc import Awaitable
from typing import Any, cast

from graphql import GraphQLError
from graphql.execution import ExecutionResult, Executor
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from domain.errors import DomainError, UnauthenticatedError
from execution.answers import write_answer
from execution.context import Permission
from execution.sharing import Plan, Plans
from schema.types.shared import Shared

_plans = Plans()


class SharedData(dict[str, Any]):
    """Holds the data of a shared execution and writes it as JSON once."""

    _text: str | None = None

    def text(self) -> str:
        """Return the data as JSON, or raise AnswerTooLongError."""
        if self._text is None:
            self._text = write_answer(self).decode()
        return self._text


class EventExecution(StrawberryGraphQLCoreExecutionContext):
    """Gives each event its own context and memo, and executes a shared event once.

    With one context for all events, its loaders would answer with the rows of the first event.
    """

    _shared: Shared | None = None
    _right: Permission | None = None
    _plan: Plan

    def build_per_event_executor(self, payload: Any) -> Executor[Any]:
        executor = cast(EventExecution, super().build_per_event_executor(payload))
        if hasattr(executor, "_relevant_sub_fields"):
            # graphql-core 3.3.2 shares this memo between events and never forgets: 2 KiB an event.
            executor._relevant_sub_fields = {}
        context = executor.context_value
        executor._right = getattr(context, "right", None)
        shared: Shared | None = getattr(payload, "shared", None)
        if shared is not None and hasattr(context, "for_scope"):
            plan = _plans.find(self.schema, self.operation, self.fragment_definitions)
            if plan.is_shareable:
                executor._plan, executor._shared = plan, shared
                executor.context_value = context.for_scope(shared.scope)
                return executor
        if hasattr(context, "for_event"):
            executor.context_value = context.for_event()
        return executor

    def execute_operation(self, serially: bool | None = None) -> Any:
        result = self._execute(serially)
        right = self._right
        if right is None or (right.is_sure and not self.is_awaitable(result)):
            return result
        return self._answer_if_permitted(result, right)

    async def _answer_if_permitted(self, result: Any, right: Permission) -> ExecutionResult:
        """Return the result, or the refusal if the viewer lost the right meanwhile."""
        answer = await result if self.is_awaitable(result) else result
        if not right.is_sure:
            try:
                await right.confirm()
            except (DomainError, UnauthenticatedError) as error:
                refused = GraphQLError(str(error), original_error=error)
                return ExecutionResult(data=None, errors=[refused])
        return cast(ExecutionResult, answer)

    def _execute(self, serially: bool | None) -> Any:
        """Execute the operation, or take the result of an equal operation that shares the event."""
        shared = self._shared
        if shared is None:
            return super().execute_operation(serially)
        given = self.variable_values.coerced
        variables = [(n, repr(v)) for n, v in sorted(given.items()) if n not in self._plan.cursors]
        key = (id(self.operation), *variables)
        if key not in shared.runs:
            run = super().execute_operation(serially)
            if self.is_awaitable(run):
                run = asyncio.ensure_future(_share_later(cast(Awaitable[ExecutionResult], run)))
            else:
                run = _share(cast(ExecutionResult, run))
            # The run keeps its operation alive, so that no other operation gets its id meanwhile.
            shared.runs[key] = (self.operation, run)
        _, run = shared.runs[key]
        # The shield keeps the run going for the others when one subscriber leaves.
        return asyncio.shield(run) if isinstance(run, asyncio.Future) else run


async def _share_later(result: Awaitable[ExecutionResult]) -> ExecutionResult:
    return _share(await result)


def _share(result: ExecutionResult) -> ExecutionResult:
    if result.data is not None and not result.errors:
        result.data = SharedData(result.data)
    return result
