"""Turns every error into what a client may read, and logs each fault once."""

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
    """Lists the `extensions.code` of top-level errors, besides the domain's own codes."""

    GRAPHQL_PARSE_FAILED = "GRAPHQL_PARSE_FAILED"
    GRAPHQL_VALIDATION_FAILED = "GRAPHQL_VALIDATION_FAILED"
    BAD_USER_INPUT = "BAD_USER_INPUT"
    UNAUTHENTICATED = "UNAUTHENTICATED"
    LIMIT_EXCEEDED = "LIMIT_EXCEEDED"
    INTERNAL = "INTERNAL"


class ClientError(GraphQLError):
    """Carries the words that a client may read; `original_error` keeps the cause for the log."""

    @property
    def is_fault(self) -> bool:
        return (self.extensions or {}).get("code") == RequestCode.INTERNAL


class ClientSafeSchema(strawberry.Schema):
    """Makes sure that results carry only client errors, on every transport."""

    def process_errors(
        self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None
    ) -> None:
        # The list belongs to the result, and no other hook is on every path: change it in place.
        errors[:] = refuse_all(errors)

    def as_str(self) -> str:
        """Print the schema in alphabetical order."""
        # Strawberry's sort_schema makes new enums, and these give strings to the resolvers.
        return print_schema(lexicographic_sort_schema(self._schema))


def refuse_all(errors: Iterable[GraphQLError]) -> list[ClientError]:
    """Return the errors for the client. New ones are counted; each fault is logged once."""
    fresh = [error for error in errors if not isinstance(error, ClientError)]
    refused = [refuse(error) for error in errors]
    for error in map(refuse, fresh):
        telemetry.count_refusal(str((error.extensions or {}).get("code")))
    # A batch read that fails hands the same exception to every field that waited for it.
    faults = {id(_cause(error)): error for error in fresh if _is_fault(error)}
    for fault in faults.values():
        place = ".".join(str(key) for key in fault.path or ())
        logger.error("execution failed", exc_info=_cause(fault), extra={"path": place})
    return refused


def refuse_fault(fault: Exception) -> ClientError:
    """Return the client's error for a fault outside an execution, as in reading the token."""
    (refused,) = refuse_all([GraphQLError("", original_error=fault)])
    return refused


def is_temporary(fault: Exception) -> bool:
    """Return whether the same request can succeed a moment later."""
    return is_retryable(fault)


def refuse(error: GraphQLError) -> ClientError:
    """Return any error as the client gets it: message, place, `extensions.code`."""
    if isinstance(error, ClientError):
        return error
    cause = _cause(error)
    if isinstance(cause, DomainError):
        field = {"field": list(cause.field)} if cause.field else {}
        return _client_error(error, cause.message, {"code": str(cause.code), **field})
    if isinstance(cause, UnauthenticatedError):
        message = str(cause) or "Sign in first."
        return _client_error(error, message, {"code": RequestCode.UNAUTHENTICATED})
    if _is_fault(error):
        return _client_error(error, "Internal error.", {"code": RequestCode.INTERNAL})
    extensions = {"code": str(_request_code(error)), **(error.extensions or {})}
    return _client_error(error, error.message, extensions)


def is_fault(error: GraphQLError) -> bool:
    """Return whether the error is our fault: masked for the client, worth a retry."""
    return refuse(error).is_fault


def _is_fault(error: GraphQLError) -> bool:
    cause = _cause(error)
    if cause is None or isinstance(cause, (DomainError, UnauthenticatedError, *_BAD_REQUESTS)):
        return False
    # A scalar that refuses a variable leaves its ValueError as the cause. Such an error has a place
    # in the document but no path in the result; the error of a failed resolver never is like that.
    return error.path is not None or not error.nodes


def _cause(error: GraphQLError) -> Exception | None:
    cause: Exception | None = error
    while isinstance(cause, GraphQLError):
        cause = cause.original_error
    return cause


def _request_code(error: GraphQLError) -> RequestCode:
    if isinstance(error, GraphQLSyntaxError):
        return RequestCode.GRAPHQL_PARSE_FAILED
    if isinstance(_cause(error), _BAD_REQUESTS):
        return RequestCode.GRAPHQL_VALIDATION_FAILED
    # An error of validation has neither; the error of a variable has its scalar's error as cause.
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
