"""Failed attempts in a row: from a few on, the next one has to wait, longer each time.

Counted apart, so that nobody can keep a real person out for ever by guessing in their name:
- by person and address, five: what slows a guesser down. Every other address has its own five.
- by person, from all addresses together, fifty; by address, for all people together, two hundred:
  a school may share one. These stop who guesses from many places, or at many people. They do not
  hold where that person has signed in from that address within a month: who is at home gets in
  while strangers are kept waiting.
Where no address is known, five by person. An attempt that is refused for coming too early does not
count; a day without a failure forgets them all. A person is the email and the academy as they were
typed: whether there is anybody of that name makes no difference.
"""

import hashlib
import ipaddress
import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from actions.bulk import again_if_raced
from domain.errors import InvalidCredentialsError
from models import SignInFailure, sql
from models.atomic import atomic

FEW, MANY, CROWD = 5, 50, 200
FIRST_WAIT = timedelta(seconds=30)
LONGEST_WAIT = timedelta(minutes=15)
FORGOTTEN_AFTER = timedelta(days=1)
KNOWN_FOR = timedelta(days=30)
MOST_ROWS = 100_000

APPEAR = """
INSERT INTO sign_in_failures (key, failures, last_failed_at) VALUES ($1, 0, $2)
ON CONFLICT (key) DO NOTHING
"""
COUNT = """
INSERT INTO sign_in_failures (key, failures, last_failed_at, blocked_until) VALUES ($1, $2, $3, $4)
ON CONFLICT (key) DO UPDATE SET failures = excluded.failures,
last_failed_at = excluded.last_failed_at, blocked_until = excluded.blocked_until
"""
ONE_LESS = """
UPDATE sign_in_failures SET failures = failures - 1, blocked_until = NULL
WHERE key = $1 AND failures > 0
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

    def limits(self, *, is_known: bool) -> dict[str, int]:
        limits = {self.own: FEW}
        if self.person and self.place and not is_known:
            limits |= {self.person: MANY, self.place: CROWD}
        return limits


def to_sign_in(email: str, academy_slug: str | None, address: str | None) -> Attempt:
    person = f"{email.strip().lower()}\n{academy_slug or ''}"
    if address is None:
        return Attempt(_key("person", person))
    place = _place(address)
    return Attempt(
        own=_key("person there", person, place),
        person=_key("person anywhere", person),
        place=_key("place", place),
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


async def begin(attempt: Attempt, now: datetime) -> None:
    """It counts as failed until it succeeds: a hundred at once are not a hundred guesses.
    INVALID_CREDENTIALS, with the time to try again, for one that comes too early."""
    await again_if_raced(lambda: _count(attempt, now))
    if attempt.own.startswith("0"):  # one person in sixteen tidies up for all
        await _tidy(now)


async def _count(attempt: Attempt, now: datetime) -> None:
    async with atomic():
        limits = attempt.limits(is_known=await _is_known(attempt, now))
        for key in sorted(limits):
            await sql.execute(APPEAR, key, now)
        rows = await _hold(limits)
        for row in rows:
            _check(row.blocked_until, now)
        for row in rows:
            is_past = now - row.last_failed_at >= FORGOTTEN_AFTER
            failures = 1 if is_past else row.failures + 1
            blocked_until = _blocked_until(failures - limits[row.key], now)
            await sql.execute(COUNT, row.key, failures, now, blocked_until)


async def _is_known(attempt: Attempt, now: datetime) -> bool:
    return attempt.known is not None and await SignInFailure.exists(
        key=attempt.known, last_failed_at__gt=now - KNOWN_FOR
    )


async def _hold(keys: Iterable[str]) -> list[SignInFailure]:
    """All in the same order, so that nobody waits for who waits for them."""
    return await SignInFailure.filter(key__in=list(keys)).order_by("key").select_for_update()


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
    """The failures in a row are over. Of the address only this one attempt is taken back: whoever
    has an account there could otherwise clear it between guesses at the others'."""
    async with atomic():
        keys = [key for key in (attempt.own, attempt.person, attempt.place) if key]
        await _hold(keys)
        await SignInFailure.filter(key__in=keys[:2]).delete()
        if attempt.place and not await _is_known(attempt, now):
            await sql.execute(ONE_LESS, attempt.place)
        if attempt.known:
            await sql.execute(COUNT, attempt.known, 0, now, None)


async def _tidy(now: datetime) -> None:
    """Nothing is kept that counts no more, and never more rows than MOST_ROWS."""
    await sql.execute(FORGET, now - KNOWN_FOR, now - FORGOTTEN_AFTER)
    await sql.execute(CROWDED, MOST_ROWS)
