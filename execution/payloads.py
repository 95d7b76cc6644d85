"""A mutation's refusals are part of its answer: a domain error becomes the payload's `errors`."""

from collections.abc import Awaitable, Callable, Sequence
from functools import wraps
from typing import ParamSpec, TypeVar

import telemetry
from domain.errors import DomainError, RefusedError
from schema.types.errors import UserError

P = ParamSpec("P")
Payload = TypeVar("Payload")
Resolver = Callable[P, Awaitable[Payload]]


def answers(
    refusal: Callable[..., Payload], *, bulk: str | None = None
) -> Callable[[Resolver[P, Payload]], Resolver[P, Payload]]:
    """The resolver's own answer, or one of the same type that holds nothing but the errors.

    `bulk` is the argument whose rows the errors of a bulk input are about.
    """

    def decorate(resolve: Resolver[P, Payload]) -> Resolver[P, Payload]:
        @wraps(resolve)
        async def answer(*args: P.args, **kwargs: P.kwargs) -> Payload:
            try:
                return await resolve(*args, **kwargs)
            except DomainError as error:
                return refusal(errors=_told([error]))
            except RefusedError as refused:
                errors = refused.under(bulk).errors if bulk else refused.errors
                return refusal(errors=_told(errors))

        return answer

    return decorate


def _told(errors: Sequence[DomainError]) -> list[UserError]:
    for error in errors:
        telemetry.count_refusal(error.code)
    return [UserError.of(error) for error in errors]
