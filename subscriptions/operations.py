"""One operation of a socket: from its document to the frames a client gets."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import cast

from graphql import parse
from strawberry.types import ExecutionResult
from strawberry.types.execution import PreExecutionError
from strawberry.types.graphql import OperationType
from strawberry.utils.operation import get_operation_type

from execution.answers import AnswerTooLongError, refuse_answer
from execution.refusals import ClientSafeSchema, is_fault
from subscriptions.messages import (
    CloseCode,
    CloseError,
    Subscribe,
    complete_text,
    error_text,
    next_text,
)
from subscriptions.right import Right

Frame = tuple[str, bool]  # its text, and whether it is the operation's last


async def frames(
    schema: ClientSafeSchema, operation: Subscribe, context: object
) -> AsyncGenerator[Frame, None]:
    """Every frame the operation sends, in order; closing the generator ends the operation.

    A stream that breaks by our fault after its first event raises CloseError: the client should
    come back and resume, not be told that it is over. So does one whose person is nobody any more.
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
                _check_signed_in(context)
            if result.errors and _is_end(operation, result):
                if has_sent and any(is_fault(error) for error in result.errors):
                    raise CloseError(CloseCode.TRY_AGAIN, "Try again later")
                yield error_text(operation.id, result.errors), True
                return
            try:
                text = next_text(operation.id, result)
            except AnswerTooLongError:
                for frame in _refused(operation):
                    yield frame
                return
            yield text, False
            has_sent = True
    yield complete_text(operation.id), True


def _refused(operation: Subscribe) -> list[Frame]:
    """The last frames of an operation whose answer is too long. One that was executed once has an
    answer without data; a stream that cannot give its next event has ended."""
    error = refuse_answer(operation.query, operation.operation_name)
    if _is_subscription(operation):
        return [(error_text(operation.id, [error]), True)]
    answer = next_text(operation.id, ExecutionResult(data=None, errors=[error]))
    return [(answer, False), (complete_text(operation.id), True)]


def _is_end(operation: Subscribe, result: ExecutionResult) -> bool:
    """Whether it is over: the request refused, or an event that the stream cannot give."""
    if result.data is not None:
        return False
    is_refused = all(error.path is None for error in result.errors or ())
    return is_refused or isinstance(result, PreExecutionError) or _is_subscription(operation)


def _is_subscription(operation: Subscribe) -> bool:
    kind = get_operation_type(parse(operation.query), operation.operation_name)
    return kind is OperationType.SUBSCRIPTION


def _check_signed_in(context: object) -> None:
    """A socket whose person is nobody any more is of no use to them: not only this operation."""
    right = getattr(context, "right", None)
    if isinstance(right, Right) and right.is_signed_out:
        reason = "Token expired" if right.has_expired else "Forbidden"
        raise CloseError(CloseCode.FORBIDDEN, reason)
