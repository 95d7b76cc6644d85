"""Passwords: kept as argon2 hashes, and checked a few at a time."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from domain.errors import InvalidCredentialsError, InvalidInputError

PASSWORD_MIN_CHARS, PASSWORD_MAX_CHARS = 8, 200
MAX_WAITING = 300  # checks: enough for a school whose children all sign in at the same time

T = TypeVar("T")

_hasher = PasswordHasher()
# Threads of their own: many sign-ins take no other threads, and a list of new people does not delay
# those who sign in. Work is done in order, so a caller with many passwords hashes one at a time.
# Each thread takes 64 MiB while it works.
_checking = ThreadPoolExecutor(2, thread_name_prefix="password-check")
_hashing = ThreadPoolExecutor(2, thread_name_prefix="password-hash")
_waiting: set[object] = set()


class BusyError(InvalidCredentialsError):
    """Too many checks wait already: the password was not checked."""


def is_usable(password: str) -> bool:
    return PASSWORD_MIN_CHARS <= len(password) <= PASSWORD_MAX_CHARS


def check_usable(password: str, *field: str) -> None:
    """Raise INVALID_INPUT for a password that is too short or too long."""
    if not is_usable(password):
        message = f"A password has {PASSWORD_MIN_CHARS} to {PASSWORD_MAX_CHARS} characters."
        raise InvalidInputError(message, field)


async def hash_password(password: str) -> str:
    return await _in(_hashing, lambda: _hasher.hash(password))


async def verify_password(password_hash: str | None, password: str) -> bool:
    """Tell whether the password has this hash; BusyError if too many checks wait already.

    Without a hash the answer is no and takes as long, so that it does not tell who has a password.
    """
    if len(_waiting) >= MAX_WAITING:
        raise BusyError("Too many people sign in at once: try again in 10 seconds.")
    turn = object()
    _waiting.add(turn)
    try:
        if password_hash is None:
            await _in(_checking, lambda: _hasher.hash(password))
            return False
        return await _in(_checking, lambda: _hasher.verify(password_hash, password))
    except (Argon2Error, InvalidHashError):
        return False
    finally:
        _waiting.discard(turn)


async def _in(threads: ThreadPoolExecutor, work: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(threads, work)
