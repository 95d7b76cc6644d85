"""One operation of a socket: from its document to the frames a client gets."""

import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, cast

from graphql import parse
from strawberry.types import ExecutionResult
from strawberry.types.execution import PreExecutionError
from strawberry.types.graphql import OperationType
from strawberry.utils.operation import get_operation_type

from execution.answers import AnswerTooLongError, refuse_answer, write_answer
from execution.compiled_streams import WrittenResult
from execution.events import SharedData
from execution.refusals import ClientSafeSchema, is_fault
from subscriptions.messages import (
    NEXT_TAIL,
    CloseCode,
    CloseError,
    Subscribe,
    complete_text,
    error_text,
    next_head,
)
from subscriptions.right import Right
from subscriptions.transport import Outlet

_OTHER_KINDS = re.compile("query|mutation")

Frame = tuple[bytes, bool]  # its text, and whether it is the operation's last


async def frames(
    schema: ClientSafeSchema,
    operation: Subscribe,
    context: object,
    outlet: Outlet | None = None,
) -> AsyncGenerator[Frame, None]:
    """Yield every frame of the operation, in order; closing the generator ends the operation.

    While it is in a crowd its frames are written to the outlet, and are none of these.
    CloseError where the socket should end too: its person is signed out, or a stream breaks by our
    fault after its first event (the client is to come back and resume, not to take it for the end).
    """
    results = await schema.stream(
        operation.query,
        variable_values=operation.variables,
        context_value=context,
        operation_name=operation.operation_name,
        operation_extensions=operation.extensions,
    )
    has_sent = False
    async with aclosing(results):
        async for item in results:
            result = cast(ExecutionResult, item)  # incremental delivery is not enabled
            if result.errors:
                right = getattr(context, "right", None)
                if isinstance(right, Right) and right.is_signed_out:
                    reason = "Token expired" if right.has_expired else "Forbidden"
                    raise CloseError(CloseCode.FORBIDDEN, reason)
                if _is_end(operation, result):
                    has_sent = has_sent or bool(outlet and outlet.was_in_crowd)
                    if has_sent and any(is_fault(error) for error in result.errors):
                        raise CloseError(CloseCode.TRY_AGAIN, "Try again later")
                    yield error_text(operation.id, result.errors), True
                    return
            try:
                text = next_text(operation.id, result)
            except AnswerTooLongError:
                error = refuse_answer(operation.query, operation.operation_name)
                if _is_subscription(operation):  # the stream cannot give its next event: it ends
                    yield error_text(operation.id, [error]), True
                    return
                text = next_text(operation.id, ExecutionResult(data=None, errors=[error]))
            yield text, False
            has_sent = True
            del item, result, text  # the next event may be hours away
    yield complete_text(operation.id), True


def next_text(operation_id: str, result: ExecutionResult) -> bytes:
    """Write a `next` message; AnswerTooLongError if it is too long."""
    if isinstance(result, WrittenResult):
        return next_head(operation_id) + result.text + NEXT_TAIL
    if isinstance(result.data, SharedData) and not result.extensions:
        # The data is written once for all who get it; only the operation's id differs.
        if result.data.text is None:
            result.data.text = write_answer(result.data)
        return next_head(operation_id) + b'{"data":' + result.data.text + b"}" + NEXT_TAIL
    payload: dict[str, Any] = {"data": result.data}
    if result.errors:
        payload["errors"] = [error.formatted for error in result.errors]
    if result.extensions:
        payload["extensions"] = result.extensions
    return write_answer({"id": operation_id, "type": "next", "payload": payload})


def only_subscribes(query: str) -> bool:
    """Tell from the words of a document that all of its operations are subscriptions.

    False where it cannot be told without parsing. An operation of another kind is either named by
    its kind or alone in its document, from its first brace.
    """
    return query.lstrip().startswith("subscription") and not _OTHER_KINDS.search(query)


def _is_end(operation: Subscribe, result: ExecutionResult) -> bool:
    """Tell if the request is refused, or the stream cannot give its next event."""
    if result.data is not None:
        return False
    is_refused = all(error.path is None for error in result.errors or ())
    return is_refused or isinstance(result, PreExecutionError) or _is_subscription(operation)


def _is_subscription(operation: Subscribe) -> bool:
    kind = get_operation_type(parse(operation.query), operation.operation_name)
    return kind is OperationType.SUBSCRIPTION
