"""Streams subscriptions whose selection is compiled, past Strawberry and most of graphql-core.

Somebody who arrives gets one snapshot and then waits. The pipeline of both packages costs more than
that snapshot, and several KiB as long as they wait. Only what is plain is streamed here: a document
that was found valid and within its limits before, with variables that are valid. All else
goes to Strawberry before anything has happened, and an event that the compiled selection does not
answer goes to graphql-core. The answers are the same, byte for byte.
"""

from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

import orjson
from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    OperationType,
    create_source_event_stream,
    get_operation_ast,
)
from strawberry.schema.schema import StreamResult
from strawberry.types import ExecutionResult
from strawberry.types.graphql import OperationType as StrawberryOperationType
from strawberry.utils.await_maybe import await_maybe

import telemetry
from execution.documents import KnownDocuments, are_storable
from execution.events import EventExecution
from execution.refusals import ClientSafeSchema, refuse_all
from execution.selections import NotCompiledError
from execution.sharing import Renderer
from schema.types.shared import Shared


class WrittenResult(ExecutionResult):
    """An answer without errors that is written already: `{"data": ...}`."""

    def __init__(self, text: bytes) -> None:
        self.text = text
        self.errors = self.extensions = None

    @cached_property
    def data(self) -> dict[str, Any]:  # type: ignore[override]
        """Read what is written, for those who need more than its text."""
        return cast(dict[str, Any], orjson.loads(self.text)["data"])


@dataclass(frozen=True, slots=True)
class Request:
    """Holds a valid document and what came with it; the variables are as they were sent."""

    document: DocumentNode
    operation_name: str | None
    variables: dict[str, Any] | None
    context: Any

    def executor(self, schema: GraphQLSchema) -> EventExecution | None:
        """Make what executes it; None where a variable or the operation's name is refused."""
        executor = EventExecution.build(
            schema,
            self.document,
            context_value=self.context,
            raw_variable_values=self.variables,
            operation_name=self.operation_name,
        )
        return executor if isinstance(executor, EventExecution) else None


@dataclass(frozen=True, slots=True, eq=False)
class CompiledStream:
    """A subscription that was called: `source` are its events, not begun yet."""

    schema: GraphQLSchema
    request: Request
    renderer: Renderer
    source: AsyncGenerator[Any, None]

    @classmethod
    async def of(cls, schema: GraphQLSchema, request: Request) -> "CompiledStream | None":
        """Call the resolver of a plain subscription; None for anything else.

        A resolver only reads its arguments. One that raises is called again by Strawberry, which
        answers with its error.
        """
        operation = get_operation_ast(request.document, request.operation_name)
        if operation is None or operation.operation is not OperationType.SUBSCRIPTION:
            return None
        executor = request.executor(schema) if are_storable(request.variables) else None
        renderer = executor.renderer() if executor else None
        if executor is None or renderer is None:
            return None
        source = await await_maybe(create_source_event_stream(executor))
        return (
            cls(schema, request, renderer, source) if isinstance(source, AsyncGenerator) else None
        )

    async def results(self) -> AsyncGenerator[ExecutionResult, None]:
        """Yield an answer for each event; where the events end in an error, that."""
        telemetry.subscription_started()
        outcome = "OK"
        try:
            async with aclosing(self.source):
                async for event in self.source:
                    result = await self._answer(event)
                    del event  # the next one may be hours away
                    outcome = "ERRORS" if result.errors else outcome
                    yield result
                    del result
        except Exception as error:
            outcome = "ERRORS"
            cause = GraphQLError(str(error), original_error=error)
            yield ExecutionResult(data=None, errors=[*refuse_all([cause])])
        finally:
            telemetry.subscription_ended()
            telemetry.count_operation(OperationType.SUBSCRIPTION.name, outcome)

    async def _answer(self, event: Any) -> ExecutionResult:
        """Answer an event while the right to it is sure; raises where it is lost."""
        text = self._write(event)
        if text is None:
            return await self._execute(event)
        right = getattr(self.request.context, "right", None)
        if right is not None:
            await right.confirm()
        return WrittenResult(text)

    def _write(self, event: Any) -> bytes | None:
        """Write an event once for all who ask the same; None where it is not compiled."""
        shared: Shared | None = getattr(event, "shared", None)
        if shared is None:
            return None
        if self.renderer not in shared.texts:
            try:
                shared.texts[self.renderer] = self.renderer.render(event)
            except NotCompiledError:
                shared.texts[self.renderer] = None
        return shared.texts[self.renderer]

    async def _execute(self, event: Any) -> ExecutionResult:
        executor = self.request.executor(self.schema)
        if executor is None:
            raise RuntimeError("what was asked could be executed before")
        of_event = cast(EventExecution, executor.build_per_event_executor(event))
        result = await of_event.execute_operation(False)
        return ExecutionResult(data=result.data, errors=[*refuse_all(result.errors or ())] or None)


class ServedSchema(ClientSafeSchema):
    """Streams what is plain as CompiledStream does, and all else as Strawberry does."""

    def __init__(self, *roots: Any, known: KnownDocuments, **options: Any) -> None:
        super().__init__(*roots, **options)
        self._known = known

    async def stream(
        self,
        query: str | None,
        variable_values: dict[str, Any] | None = None,
        context_value: Any | None = None,
        root_value: Any | None = None,
        operation_name: str | None = None,
        operation_extensions: dict[str, Any] | None = None,
        allowed_operation_types: Iterable[StrawberryOperationType] | None = None,
    ) -> StreamResult:
        document = self._known.find(query or "")
        if document and not (root_value or operation_extensions or allowed_operation_types):
            request = Request(document, operation_name, variable_values, context_value)
            if stream := await CompiledStream.of(self._schema, request):
                return stream.results()
        return await super().stream(
            query,
            variable_values,
            context_value,
            root_value,
            operation_name,
            operation_extensions,
            allowed_operation_types,
        )
