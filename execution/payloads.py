"""Turns a domain error of a mutation into the `errors` of its payload."""

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
    """Decorate a mutation's resolver: when it is refused, it answers with the errors alone.

    `refusal` makes that answer. `bulk` names the argument whose rows the errors are about.
    """

    def decorate(resolve: Resolver[P, Payload]) -> Resolver[P, Payload]:
        @wraps(resolve)
        async def answer(*args: P.args, **kwargs: P.kwargs) -> Payload:
            try:
                return await resolve(*args, **kwargs)
            except DomainError as error:
                return refusal(errors=_user_errors([error]))
            except RefusedError as refused:
                errors = refused.under(bulk).errors if bulk else refused.errors
                return refusal(errors=_user_errors(errors))

        return answer

    return decorate


def _user_errors(errors: Sequence[DomainError]) -> list[UserError]:
    for error in errors:
        telemetry.count_refusal(error.code)
    return [UserError.of(error) for error in errors]
