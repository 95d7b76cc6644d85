"""Failed attempts in a row: from a few on, the next one has to wait, longer each time.

Counted apart, so that nobody can keep a real person out by guessing in their name elsewhere:
- by person and address, five, of which those under way are part: what slows a guesser down. Every
  other address has its own five.
- by person, from all addresses together, fifty: from then on an address has one instead of five.
  It is slower for who guesses from many places, and shuts nobody out.
- by address, for all people together, two hundred a day: what stops who guesses at many people. A
  school shares one, so only what was checked and wrong counts.
The last two do not hold where that person has signed in from that address within a month: who is at
home gets in as ever. Where no address is known, five by person.

An attempt that is refused for coming too early, or because too many are under way, does not count;
a day without a failure forgets them all. A person is the email and the academy as they were typed:
whether there is anybody of that name makes no difference.
"""

import hashlib
import ipaddress
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from actions.identity.passwords import BusyError
from actions.writing.bulk import again_if_raced
from domain.errors import InvalidCredentialsError
from domain.text import email_of
from models import SignInFailure
from models.database import sql
from models.database.atomic import atomic

FEW, MANY, CROWD = 5, 50, 200
FIRST_WAIT = timedelta(seconds=30)
LONGEST_WAIT = timedelta(minutes=15)
FORGOTTEN_AFTER = timedelta(days=1)
KNOWN_FOR = timedelta(days=30)
MOST_ROWS = 100_000

# Holds the row until the transaction ends, whether it was there or not.
HOLD = """
INSERT INTO sign_in_failures (key, failures, last_failed_at) VALUES ($1, 0, $2)
ON CONFLICT (key) DO UPDATE SET key = excluded.key
"""
STORE = """
INSERT INTO sign_in_failures (key, failures, last_failed_at, blocked_until) VALUES ($1, $2, $3, $4)
ON CONFLICT (key) DO UPDATE SET failures = excluded.failures,
last_failed_at = excluded.last_failed_at, blocked_until = excluded.blocked_until
"""
FORGET = """
DELETE FROM sign_in_failures WHERE last_failed_at < $1 OR failures > 0 AND last_failed_at < $2
"""
CROWDED = """
DELETE FROM sign_in_failures WHERE last_failed_at <= (
    SELECT last_failed_at FROM sign_in_failures ORDER BY last_failed_at DESC LIMIT 1 OFFSET $1
)
"""


@dataclass(frozen=True, slots=True)
class Attempt:
    """The keys of its counters. `known` is there for whom this address has let in before."""

    own: str
    person: str | None = None
    place: str | None = None
    known: str | None = None


def to_sign_in(email: str, academy_slug: str | None, address: str | None, now: datetime) -> Attempt:
    person = f"{email_of(email)}\n{academy_slug or ''}"
    if address is None:
        return Attempt(_key("person", person))
    place = _place(address)
    return Attempt(
        own=_key("person there", person, place),
        person=_key("person anywhere", person),
        place=_key("place", place, f"{now:%Y-%m-%d}"),
        known=_key("known", person, place),
    )


def to_change_password(user_id: int) -> Attempt:
    return Attempt(_key("password", str(user_id)))


def _key(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode("utf-8", "replace")).hexdigest()


def _place(address: str) -> str:
    """Who has one IPv6 address has all of its /64; an IPv4 address in one is that one."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    ip = getattr(ip, "ipv4_mapped", None) or ip
    bits = 32 if ip.version == 4 else 64
    return str(ipaddress.ip_network((ip, bits), strict=False))


@asynccontextmanager
async def counted(attempt: Attempt, now: datetime) -> AsyncIterator[None]:
    """Around the check of a password. INVALID_CREDENTIALS, with the time to try again, for one that
    comes too early."""
    await again_if_raced(lambda: _begin(attempt, now))
    if attempt.own.startswith("0"):  # one person in sixteen tidies up for all
        await _tidy(now)
    try:
        yield
    except BusyError:
        await _take_back(attempt, now)
        raise
    except InvalidCredentialsError:
        await again_if_raced(lambda: _fail(attempt, now))
        raise


async def _begin(attempt: Attempt, now: datetime) -> None:
    """It counts as failed until it succeeds: a hundred at once are not a hundred guesses."""
    async with atomic():
        limit = await _limit(attempt, now)
        row = await _hold(attempt.own, now)
        _check(row.blocked_until, now)
        await _count(row, limit, now)


async def _limit(attempt: Attempt, now: datetime) -> int:
    """How many the person has there; INVALID_CREDENTIALS while all who are there have to wait."""
    if await _is_known(attempt, now):
        return FEW
    keys = [key for key in (attempt.person, attempt.place) if key]
    lately = SignInFailure.filter(key__in=keys, last_failed_at__gt=now - FORGOTTEN_AFTER)
    rows = {row.key: row for row in await lately}
    if attempt.place in rows:
        _check(rows[attempt.place].blocked_until, now)
    return 1 if attempt.person in rows and rows[attempt.person].failures >= MANY else FEW


async def _fail(attempt: Attempt, now: datetime) -> None:
    """It was wrong, so it counts for the person everywhere, and for all who are there."""
    async with atomic():
        if await _is_known(attempt, now):
            return
        limits = {key: CROWD for key in (attempt.person, attempt.place) if key}
        for key in sorted(limits):  # so that nobody waits for who waits for them
            await _count(await _hold(key, now), limits[key], now)


async def _take_back(attempt: Attempt, now: datetime) -> None:
    """It was never checked: nothing was guessed."""
    async with atomic():
        row = await _hold(attempt.own, now)
        if row.failures > 1:
            await sql.execute(STORE, row.key, row.failures - 1, row.last_failed_at, None)
        else:
            await row.delete()


async def _is_known(attempt: Attempt, now: datetime) -> bool:
    return attempt.known is not None and await SignInFailure.exists(
        key=attempt.known, last_failed_at__gt=now - KNOWN_FOR
    )


async def _hold(key: str, now: datetime) -> SignInFailure:
    await sql.execute(HOLD, key, now)
    return await SignInFailure.get(key=key)


async def _count(row: SignInFailure, limit: int, now: datetime) -> None:
    """One more, after which the next has to wait from `limit` on."""
    is_past = now - row.last_failed_at >= FORGOTTEN_AFTER
    failures = 1 if is_past else row.failures + 1
    await sql.execute(STORE, row.key, failures, now, _blocked_until(failures - limit, now))


def _check(blocked_until: datetime | None, now: datetime) -> None:
    if blocked_until is not None and now < blocked_until:
        seconds = math.ceil((blocked_until - now).total_seconds())
        at = f"{now + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%SZ}"
        raise InvalidCredentialsError(f"Too many attempts: try again in {seconds} s, at {at}.")


def _blocked_until(beyond: int, now: datetime) -> datetime | None:
    if beyond < 0:
        return None
    return now + min(FIRST_WAIT * (1 << min(beyond, 10)), LONGEST_WAIT)


async def succeed(attempt: Attempt, now: datetime) -> None:
    """The failures in a row are over. Those of the address stay: whoever has an account there could
    otherwise clear them between guesses at the others'."""
    async with atomic():
        for key in sorted(key for key in (attempt.own, attempt.person) if key):
            await SignInFailure.filter(key=key).delete()
        if attempt.known:
            await sql.execute(STORE, attempt.known, 0, now, None)


async def _tidy(now: datetime) -> None:
    """Nothing is kept that counts no more, and never more rows than MOST_ROWS."""
    await sql.execute(FORGET, now - KNOWN_FOR, now - FORGOTTEN_AFTER)
    await sql.execute(CROWDED, MOST_ROWS)
