"""Bulk input: all of it is carried out, or nothing; every refusal is told under its index."""

from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from tortoise.exceptions import IntegrityError

from domain.errors import DomainError, InvalidInputError, RefusedError
from models.database.connection import is_retryable
from models.database.locks import lock_academies

MAX_BULK = 500
TRIES = 3

T = TypeVar("T")
P = ParamSpec("P")


def check_count(count: int, what: str) -> None:
    if not 1 <= count <= MAX_BULK:
        raise RefusedError([InvalidInputError(f"Between 1 and {MAX_BULK} {what} at once.")])


class Refusals:
    """Collects refusals, so that a caller learns of all of them at once."""

    def __init__(self) -> None:
        self.errors: list[DomainError] = []

    @contextmanager
    def under(self, index: int) -> Iterator[None]:
        """Note a refusal of the block, its field prefixed with the index, and go on."""
        try:
            yield
        except DomainError as error:
            self.errors.append(error.under(str(index)))

    def check(self) -> None:
        """RefusedError if anything was refused."""
        if self.errors:
            raise RefusedError(self.errors)


async def take_turns(academy_ids: Iterable[int | None]) -> None:
    """Until the transaction ends, nobody else writes lists of these academies' people and groups:
    two lists with the same rows in another order would wait for each other."""
    await lock_academies(id for id in academy_ids if id)


async def again_if_raced(work: Callable[[], Awaitable[T]]) -> T:
    """Do a transaction again that met another one: what that one stored can be seen by now."""
    for _ in range(TRIES - 1):
        try:
            return await work()
        except Exception as error:
            if not (isinstance(error, IntegrityError) or is_retryable(error)):
                raise
    return await work()


def retried_if_raced(
    action: Callable[P, Coroutine[Any, Any, T]],
) -> Callable[P, Coroutine[Any, Any, T]]:
    """Make a whole action start again when its transaction met another one."""

    @wraps(action)
    async def retried(*args: P.args, **kwargs: P.kwargs) -> T:
        return await again_if_raced(lambda: action(*args, **kwargs))

    return retried
