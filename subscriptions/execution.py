"""How one event of a subscription is executed."""

from typing import Any

from graphql.execution import Executor
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext


class EventExecution(StrawberryGraphQLCoreExecutionContext):
    """Gives each event its own context, where the context has `for_event()`, and its own memo.

    Loaders kept from one event to the next would answer with the rows of the first.
    """

    def build_per_event_executor(self, payload: Any) -> Executor[Any]:
        executor = super().build_per_event_executor(payload)
        if hasattr(executor, "_relevant_sub_fields"):
            # graphql-core 3.3.2 shares this memo between events and never forgets: 2 KiB an event.
            executor._relevant_sub_fields = {}
        for_event = getattr(self.context_value, "for_event", None)
        if for_event is not None:
            executor.context_value = for_event()
        return executor
