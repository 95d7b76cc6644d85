"""How one event of a subscription is executed: once for all who may share it, else for each."""

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
    """The data of a shared execution, which is written as JSON once."""

    _text: str | None = None

    def text(self) -> str:
        """AnswerTooLongError."""
        if self._text is None:
            self._text = write_answer(self).decode()
        return self._text


class EventExecution(StrawberryGraphQLCoreExecutionContext):
    """Gives each event its own context and its own memo, and a shared event one execution.

    Loaders kept from one event to the next would answer with the rows of the first.
    """

    _shared: Shared | None = None
    _right: Permission | None = None
    _plan: Plan

    def build_per_event_executor(self, payload: Any) -> Executor[Any]:
        executor = cast(EventExecution, super().build_per_event_executor(payload))
        if hasattr(executor, "_relevant_sub_fields"):
            # graphql-core 3.3.2 shares this memo between events and never forgets: 2 KiB an event.
            executor._relevant_sub_fields = {}
        executor._right = getattr(executor.context_value, "right", None)
        executor._share(getattr(payload, "shared", None))
        return executor

    def _share(self, shared: Shared | None) -> None:
        """Run in the event's scope where the operation may; fail closed: no scope, no sharing."""
        context = self.context_value
        if shared is not None and hasattr(context, "for_scope"):
            self._plan = _plans.find(self.schema, self.operation, self.fragment_definitions)
            if self._plan.is_shareable:
                self._shared = shared
                self.context_value = context.for_scope(shared.scope)
                return
        if hasattr(context, "for_event"):
            self.context_value = context.for_event()

    def execute_operation(self, serially: bool | None = None) -> Any:
        result = self._execute(serially)
        right = self._right
        if right is None or (right.is_sure and not self.is_awaitable(result)):
            return result
        return self._permit(result, right)

    async def _permit(self, result: Any, right: Permission) -> ExecutionResult:
        """What was made of the event, unless the right to it is lost meanwhile."""
        made = await result if self.is_awaitable(result) else result
        if not right.is_sure:
            try:
                await right.confirm()
            except (DomainError, UnauthenticatedError) as error:
                refused = GraphQLError(str(error), original_error=error)
                return ExecutionResult(data=None, errors=[refused])
        return cast(ExecutionResult, made)

    def _execute(self, serially: bool | None) -> Any:
        if self._shared is None:
            return super().execute_operation(serially)
        key = self._share_key()
        if key not in self._shared.runs:
            # The operation is kept with its run, so that no other one gets its id meanwhile.
            self._shared.runs[key] = (self.operation, self._run_once(serially))
        _, run = self._shared.runs[key]
        # Shielded: a subscriber that leaves does not take the others' answer along.
        return asyncio.shield(run) if isinstance(run, asyncio.Future) else run

    def _share_key(self) -> tuple[object, ...]:
        given = self.variable_values.coerced
        variables = [(n, repr(v)) for n, v in sorted(given.items()) if n not in self._plan.cursors]
        return (id(self.operation), *variables)

    def _run_once(self, serially: bool | None) -> Any:
        result = super().execute_operation(serially)
        if not self.is_awaitable(result):
            return _shareable(cast(ExecutionResult, result))
        return asyncio.ensure_future(_awaited(cast(Awaitable[ExecutionResult], result)))


async def _awaited(result: Awaitable[ExecutionResult]) -> ExecutionResult:
    return _shareable(await result)


def _shareable(result: ExecutionResult) -> ExecutionResult:
    if result.data is not None and not result.errors:
        result.data = SharedData(result.data)
    return result
