"""Bulk input is carried out whole or not at all; each refusal names the index of its item."""

from collections.abc import Awaitable, Callable, Coroutine, Hashable, Iterable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from tortoise.exceptions import IntegrityError

from domain.errors import DomainError, InvalidInputError, RefusedError
from models.database.connection import is_retryable
from models.database.locks import lock_academies

BULK_MAX_ITEMS = 500
TRIES = 3

T = TypeVar("T")
P = ParamSpec("P")


def check_count(count: int, what: str) -> None:
    if not 1 <= count <= BULK_MAX_ITEMS:
        raise RefusedError([InvalidInputError(f"Between 1 and {BULK_MAX_ITEMS} {what} at once.")])


def check_named_once(seen: set[Hashable], key: Hashable) -> None:
    """Refuse an external id that stands in the list before: the two rows could be different."""
    if key in seen:
        raise InvalidInputError("This external id is in here twice.", ("externalId",))
    seen.add(key)


class Refusals:
    """Collects refusals, so that a caller learns all of them at once."""

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
        """Raise RefusedError if anything was refused."""
        if self.errors:
            raise RefusedError(self.errors)


async def lock_for_lists(academy_ids: Iterable[int | None]) -> None:
    """Lock these academies for lists of people and groups until the transaction ends.

    Two lists with the same rows in another order would wait for each other.
    """
    await lock_academies(id for id in academy_ids if id)


async def retry_if_raced(work: Callable[[], Awaitable[T]]) -> T:
    """Retry a transaction that conflicted with another one."""
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
        return await retry_if_raced(lambda: action(*args, **kwargs))

    return retried
