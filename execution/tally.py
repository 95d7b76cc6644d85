"""Counts operations and how they end, for the metrics."""

from collections.abc import Iterator

from strawberry.extensions import SchemaExtension
from strawberry.types.graphql import OperationType

import telemetry


class OperationTally(SchemaExtension):
    """Counts an operation when it ends, on every transport; a subscription too."""

    _kind: OperationType | None = None  # None until the document is parsed and valid

    def on_operation(self) -> Iterator[None]:
        try:
            yield
        finally:
            if self._kind is None:
                telemetry.count_operation("UNKNOWN", "REFUSED")
            else:
                if self._kind is OperationType.SUBSCRIPTION:
                    telemetry.subscription_ended()
                outcome = "ERRORS" if self.execution_context.pre_execution_errors else "OK"
                telemetry.count_operation(self._kind.name, outcome)

    def on_execute(self) -> Iterator[None]:
        self._kind = self.execution_context.operation_type
        if self._kind is OperationType.SUBSCRIPTION:
            telemetry.subscription_started()
        yield
