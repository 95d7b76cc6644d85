"""What a client is told when something fails, on every path; each fault is logged once."""

import logging
from collections.abc import Iterable
from enum import StrEnum

import strawberry
from graphql import (
    GraphQLError,
    GraphQLSyntaxError,
    lexicographic_sort_schema,
    print_schema,
)
from strawberry.exceptions import MissingQueryError
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.types import ExecutionContext

import telemetry
from domain.errors import DomainError, UnauthenticatedError
from models.database.connection import is_retryable

logger = logging.getLogger("halaqa.graphql")

_BAD_REQUESTS = (MissingQueryError, CannotGetOperationTypeError, InvalidOperationTypeError)


class RequestCode(StrEnum):
    """`extensions.code` of top-level errors, beside the domain's own codes."""

    GRAPHQL_PARSE_FAILED = "GRAPHQL_PARSE_FAILED"
    GRAPHQL_VALIDATION_FAILED = "GRAPHQL_VALIDATION_FAILED"
    BAD_USER_INPUT = "BAD_USER_INPUT"
    UNAUTHENTICATED = "UNAUTHENTICATED"
    LIMIT_EXCEEDED = "LIMIT_EXCEEDED"
    INTERNAL = "INTERNAL"


class ClientError(GraphQLError):
    """An error in the words a client may read; `original_error` keeps the cause for the log."""

    @property
    def is_fault(self) -> bool:
        return (self.extensions or {}).get("code") == RequestCode.INTERNAL


class ClientSafeSchema(strawberry.Schema):
    """A schema whose results carry only client errors, whichever transport asks."""

    def process_errors(
        self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None
    ) -> None:
        # In place: the list is the result's own, and no other hook is on every path.
        errors[:] = refuse_all(errors)

    def as_str(self) -> str:
        """Printed in alphabetical order."""
        # Not by Strawberry's sort_schema: it makes the enums anew, and they give resolvers strings.
        return print_schema(lexicographic_sort_schema(self._schema))


def refuse_all(errors: Iterable[GraphQLError]) -> list[ClientError]:
    """The same errors for the client; each fault among them is logged once, with its traceback."""
    fresh = [error for error in errors if not isinstance(error, ClientError)]
    refused = [refuse(error) for error in errors]
    for error in map(refuse, fresh):
        telemetry.count_refusal(str((error.extensions or {}).get("code")))
    _log_faults(fresh)
    return refused


def refuse_fault(fault: Exception) -> ClientError:
    """What failed outside an execution, such as finding out who asks."""
    (refused,) = refuse_all([GraphQLError("", original_error=fault)])
    return refused


def is_passing(fault: Exception) -> bool:
    """Whether the same request can succeed a moment later."""
    return is_retryable(fault)


def refuse(error: GraphQLError) -> ClientError:
    """Any error of an execution as the client gets it: message, place, `extensions.code`."""
    if isinstance(error, ClientError):
        return error
    cause = _cause(error)
    if isinstance(cause, DomainError):
        return _client_error(error, cause.message, _domain_extensions(cause))
    if isinstance(cause, UnauthenticatedError):
        message = str(cause) or "Sign in first."
        return _client_error(error, message, {"code": RequestCode.UNAUTHENTICATED})
    if _is_fault(error):
        return _client_error(error, "Internal error.", {"code": RequestCode.INTERNAL})
    return _client_error(error, error.message, _request_extensions(error))


def is_fault(error: GraphQLError) -> bool:
    """Whether this is our mistake: masked for the client, worth a retry."""
    return refuse(error).is_fault


def _is_fault(error: GraphQLError) -> bool:
    cause = _cause(error)
    if cause is None or isinstance(cause, (DomainError, UnauthenticatedError, *_BAD_REQUESTS)):
        return False
    # A scalar that refuses a variable leaves its ValueError as the cause; such an error points into
    # the document but at no result, which a failed resolver's or source's error never does.
    return error.path is not None or not error.nodes


def _cause(error: GraphQLError) -> Exception | None:
    cause: Exception | None = error
    while isinstance(cause, GraphQLError):
        cause = cause.original_error
    return cause


def _domain_extensions(cause: DomainError) -> dict[str, object]:
    field = {"field": list(cause.field)} if cause.field else {}
    return {"code": str(cause.code), **field}


def _request_extensions(error: GraphQLError) -> dict[str, object]:
    return {"code": str(_request_code(error)), **(error.extensions or {})}


def _request_code(error: GraphQLError) -> RequestCode:
    if isinstance(error, GraphQLSyntaxError):
        return RequestCode.GRAPHQL_PARSE_FAILED
    if isinstance(_cause(error), _BAD_REQUESTS):
        return RequestCode.GRAPHQL_VALIDATION_FAILED
    # What validation finds has neither; a variable's error has what its scalar said as the cause.
    is_a_value = error.path is not None or error.original_error is not None
    return RequestCode.BAD_USER_INPUT if is_a_value else RequestCode.GRAPHQL_VALIDATION_FAILED


def _client_error(error: GraphQLError, message: str, extensions: dict[str, object]) -> ClientError:
    return ClientError(
        message,
        nodes=error.nodes,
        source=error.source,
        positions=error.positions,
        path=error.path,
        original_error=_cause(error),
        extensions=extensions,
    )


def _log_faults(errors: list[GraphQLError]) -> None:
    # A batch read that fails hands the same exception to every field that waited for it.
    faults = {id(_cause(error)): error for error in errors if _is_fault(error)}
    for error in faults.values():
        place = ".".join(str(key) for key in error.path or ())
        logger.error("execution failed", exc_info=_cause(error), extra={"path": place})
