"""How many operations there were, and how they ended: a number for operators."""

from collections.abc import Iterator

from strawberry.extensions import SchemaExtension
from strawberry.types.graphql import OperationType

import telemetry


class OperationTally(SchemaExtension):
    """One operation, on whichever way it comes: counted at its end, a subscription's too."""

    _kind: OperationType | None = None  # known once it is parsed and valid

    def on_operation(self) -> Iterator[None]:
        try:
            yield
        finally:
            self._end()

    def on_execute(self) -> Iterator[None]:
        self._kind = self.execution_context.operation_type
        if self._kind is OperationType.SUBSCRIPTION:
            telemetry.subscription_started()
        yield

    def _end(self) -> None:
        if self._kind is None:
            telemetry.count_operation("UNKNOWN", "REFUSED")
            return
        if self._kind is OperationType.SUBSCRIPTION:
            telemetry.subscription_ended()
        outcome = "ERRORS" if self.execution_context.pre_execution_errors else "OK"
        telemetry.count_operation(self._kind.name, outcome)
