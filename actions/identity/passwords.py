"""Passwords: kept as argon2 hashes, checked a few at a time."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from domain.errors import InvalidCredentialsError, InvalidInputError

SHORTEST, LONGEST = 8, 200
MOST_WAITING = 300  # a school whose children all sign in as the bell rings

T = TypeVar("T")

_hasher = PasswordHasher()
# Threads of their own: a flood of sign-ins takes nobody else's, and lists of new people do not keep
# those waiting who sign in. First come, first served: who has many to hash asks for one at a time.
# Each thread takes 64 MiB while it works.
_checking = ThreadPoolExecutor(2, thread_name_prefix="password-check")
_hashing = ThreadPoolExecutor(2, thread_name_prefix="password-hash")
_waiting: set[object] = set()


class BusyError(InvalidCredentialsError):
    """Too many wait already: nothing was checked."""


def is_usable(password: str) -> bool:
    return SHORTEST <= len(password) <= LONGEST


def check_usable(password: str, *field: str) -> None:
    """INVALID_INPUT for what may not be a password."""
    if not is_usable(password):
        raise InvalidInputError(f"A password has {SHORTEST} to {LONGEST} characters.", field)


async def hash_password(password: str) -> str:
    return await _in(_hashing, lambda: _hasher.hash(password))


async def fits(password_hash: str | None, password: str) -> bool:
    """Takes as long where there is no hash. BusyError where too many wait already."""
    if len(_waiting) >= MOST_WAITING:
        raise BusyError("Too many people sign in at once: try again in 10 seconds.")
    mark = object()
    _waiting.add(mark)
    try:
        return await _in(_checking, lambda: _verify(password_hash, password))
    finally:
        _waiting.discard(mark)


def _verify(password_hash: str | None, password: str) -> bool:
    try:
        return _hasher.verify(password_hash or _nobodys(), password) and password_hash is not None
    except (VerificationError, InvalidHashError):
        return False


@cache
def _nobodys() -> str:
    return _hasher.hash("nobody's password")


async def _in(threads: ThreadPoolExecutor, work: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(threads, work)
