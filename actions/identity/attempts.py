"""Failed attempts in a row: after some of them the next has to wait, longer each time.

Failures are counted in three ways, so that a person can sign in while others guess their password:
- by person and address: from the fifth on. This slows down a guesser; every other address has five
  of its own. Attempts that are under way count too.
- by person, from all addresses: after fifty, each address has one failure instead of five. This
  slows down a guesser with many addresses, and shuts nobody out.
- by address, for all people: two hundred a day. This stops a guesser of many people. A school
  shares one address, so only passwords that were checked and wrong count.
The last two do not apply to a person who has signed in from this address in the last 30 days. If
the address is not known, failures count by person only: from the fifth on.

An attempt that is refused because it comes too early, or because too many are under way, does not
count. A day without a failure clears a count. A person is the email and the academy as typed:
it makes no difference whether there is such a person.
"""

import hashlib
import ipaddress
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from actions.identity.passwords import BusyError
from actions.writing.bulk import retried_if_raced
from domain.errors import InvalidCredentialsError
from domain.text import email_of
from models import SignInFailure
from models.database import sql
from models.database.atomic import atomic

PAIR_LIMIT, PERSON_LIMIT, ADDRESS_LIMIT = 5, 50, 200
FIRST_WAIT = timedelta(seconds=30)
MAX_WAIT = timedelta(minutes=15)
FORGOTTEN_AFTER = timedelta(days=1)
KNOWN_FOR = timedelta(days=30)
MAX_ROWS = 100_000

# Locks the row until the transaction ends, and makes it first if it is not there.
LOCK = """
INSERT INTO sign_in_failures (key, failures, last_failed_at) VALUES ($1, 0, $2)
ON CONFLICT (key) DO UPDATE SET key = excluded.key
"""
STORE = """
INSERT INTO sign_in_failures (key, failures, last_failed_at, blocked_until) VALUES ($1, $2, $3, $4)
ON CONFLICT (key) DO UPDATE SET failures = excluded.failures,
last_failed_at = excluded.last_failed_at, blocked_until = excluded.blocked_until
"""
FORGET_EXPIRED = """
DELETE FROM sign_in_failures WHERE last_failed_at < $1 OR failures > 0 AND last_failed_at < $2
"""
FORGET_OLDEST = """
DELETE FROM sign_in_failures WHERE last_failed_at <= (
    SELECT last_failed_at FROM sign_in_failures ORDER BY last_failed_at DESC LIMIT 1 OFFSET $1
)
"""


@dataclass(frozen=True, slots=True)
class Attempt:
    """Keys of the counters of one attempt: of person and address, of each alone.

    `known` is the key of a row that says when the person last signed in from this address.
    """

    pair: str
    person: str | None = None
    network: str | None = None
    known: str | None = None


def sign_in_attempt(
    email: str, academy_slug: str | None, address: str | None, now: datetime
) -> Attempt:
    """Name the counters of a sign-in; `address` is None where it is not known."""
    person = f"{email_of(email)}\n{academy_slug or ''}"
    if address is None:
        return Attempt(_key("person", person))
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
        ip = getattr(ip, "ipv4_mapped", None) or ip
        bits = 32 if ip.version == 4 else 64  # an owner of one IPv6 address has its whole /64
        network = str(ipaddress.ip_network((ip, bits), strict=False))
    except ValueError:
        network = address
    return Attempt(
        pair=_key("person there", person, network),
        person=_key("person anywhere", person),
        network=_key("place", network, f"{now:%Y-%m-%d}"),
        known=_key("known", person, network),
    )


def password_change_attempt(user_id: int) -> Attempt:
    return Attempt(_key("password", str(user_id)))


def _key(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode("utf-8", "replace")).hexdigest()


@asynccontextmanager
async def counted(attempt: Attempt, now: datetime) -> AsyncIterator[None]:
    """Count an attempt around the check of a password.

    INVALID_CREDENTIALS, with the time of the next try, for an attempt that comes too early.
    """
    limit = PAIR_LIMIT
    if not await _is_known(attempt, now):
        keys = [key for key in (attempt.person, attempt.network) if key]
        recent = SignInFailure.filter(key__in=keys, last_failed_at__gt=now - FORGOTTEN_AFTER)
        rows = {row.key: row for row in await recent}
        if attempt.network in rows:
            _check_wait(rows[attempt.network].blocked_until, now)
        if attempt.person in rows and rows[attempt.person].failures >= PERSON_LIMIT:
            limit = 1
    # It counts as failed until it succeeds: else a hundred at once would be a hundred guesses.
    await _count({attempt.pair: limit}, now, is_start=True)
    if attempt.pair.startswith("0"):  # one person in sixteen deletes old rows
        await sql.execute(FORGET_EXPIRED, now - KNOWN_FOR, now - FORGOTTEN_AFTER)
        await sql.execute(FORGET_OLDEST, MAX_ROWS)
    try:
        yield
    except BusyError:
        async with atomic():  # the password was not checked, so this is no failure
            row = await _lock(attempt.pair, now)
            if row.failures > 1:
                await sql.execute(STORE, row.key, row.failures - 1, row.last_failed_at, None)
            else:
                await row.delete()
        raise
    except InvalidCredentialsError:
        if not await _is_known(attempt, now):
            keys = [key for key in (attempt.person, attempt.network) if key]
            await _count(dict.fromkeys(keys, ADDRESS_LIMIT), now)
        raise


async def _is_known(attempt: Attempt, now: datetime) -> bool:
    """Tell whether the person has signed in from this address in the last 30 days."""
    return attempt.known is not None and await SignInFailure.exists(
        key=attempt.known, last_failed_at__gt=now - KNOWN_FOR
    )


@retried_if_raced
async def _count(limits: dict[str, int], now: datetime, *, is_start: bool = False) -> None:
    """Add a failure to each counter; from its limit on, the next attempt has to wait.

    At the start of an attempt, INVALID_CREDENTIALS while the counter says to wait.
    """
    async with atomic():
        for key in sorted(limits):  # in one order for all, so that no two wait for each other
            row = await _lock(key, now)
            if is_start:
                _check_wait(row.blocked_until, now)
            is_forgotten = now - row.last_failed_at >= FORGOTTEN_AFTER
            failures = 1 if is_forgotten else row.failures + 1
            blocked_until, beyond = None, failures - limits[key]
            if beyond >= 0:
                blocked_until = now + min(FIRST_WAIT * (1 << min(beyond, 10)), MAX_WAIT)
            await sql.execute(STORE, key, failures, now, blocked_until)


async def _lock(key: str, now: datetime) -> SignInFailure:
    await sql.execute(LOCK, key, now)
    return await SignInFailure.get(key=key)


def _check_wait(blocked_until: datetime | None, now: datetime) -> None:
    if blocked_until is not None and now < blocked_until:
        seconds = math.ceil((blocked_until - now).total_seconds())
        at = f"{now + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%SZ}"
        raise InvalidCredentialsError(f"Too many attempts: try again in {seconds} s, at {at}.")


async def succeed(attempt: Attempt, now: datetime) -> None:
    """Clear the person's failures, and note that they have signed in from this address.

    The failures of the address stay: else a guesser with an account of their own could clear them.
    """
    async with atomic():
        for key in sorted(key for key in (attempt.pair, attempt.person) if key):
            await SignInFailure.filter(key=key).delete()
        if attempt.known:
            await sql.execute(STORE, attempt.known, 0, now, None)
