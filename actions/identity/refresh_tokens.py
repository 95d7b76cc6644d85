"""Refresh tokens: a sign-in is a family of them, each used once and followed by the next.

A token that comes back after it was used may have been stolen, by whoever used it first or by who
uses it now: nobody can tell, so the whole family ends, with its access tokens and its sockets. One
case is forgiven: within GRACE of its use, while what followed it has not been used, the answer may
have been lost on its way, or two tabs asked at once. What followed is taken back then, and another
one given: a family never has two tokens that are good.

Whoever begins, renews or ends families holds the person's row first, so that no token is made in a
family that is being ended.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from actions.writing.bulk import again_if_raced
from actions.writing.rights import review_alone
from models import RefreshToken, User
from models.database import sql
from models.database.atomic import Transaction, atomic

PREFIX = "hlr_"
TTL = timedelta(days=30)
GRACE = timedelta(seconds=10)

FORGET = """
DELETE FROM refresh_tokens WHERE id IN (
    SELECT id FROM refresh_tokens WHERE expires_at < $1 ORDER BY expires_at LIMIT 100{lock}
)
"""


@dataclass(frozen=True, slots=True)
class Link:
    """`secret` is told once; only its hash is kept."""

    user: User
    family: str
    secret: str


async def hold(user_id: int) -> User | None:
    """The person. Until the transaction ends, nobody else touches their families."""
    return await User.select_for_update(no_key=True).get_or_none(id=user_id)


async def begin(user: User, now: datetime) -> Link:
    """A new family, of a person who is held."""
    return await _add(user, secrets.token_hex(16), now)


async def renew(secret: str, now: datetime) -> Link | None:
    """The next of the family; None where the token is no good, or no longer."""
    found = await find(secret)  # what anybody may make up begins no transaction
    if found is None:
        return None
    token = found
    return await again_if_raced(lambda: _renew(token, now))


async def _renew(token: RefreshToken, now: datetime) -> Link | None:
    async with atomic() as tx:
        user = await hold(token.user_id)
        # Others may have used it before we held the person, or forgotten it.
        found = await RefreshToken.get_or_none(id=token.id)
        if user is None or found is None or not user.is_active or found.expires_at <= now:
            return None
        if not await _may_be_used(found, now):
            await end(tx, found, now)
            return None
        await RefreshToken.filter(id=found.id).update(used_at=now)
        return await _add(user, found.family, now)


async def _may_be_used(token: RefreshToken, now: datetime) -> bool:
    if token.revoked_at is not None:
        return False
    return token.used_at is None or await _take_back(token, token.used_at, now)


async def _take_back(token: RefreshToken, used_at: datetime, now: datetime) -> bool:
    """Whether what followed could be taken back: lately given, and not used yet."""
    if now - used_at > GRACE:
        return False
    next_one = RefreshToken.filter(
        family=token.family, issued_at=used_at, used_at=None, revoked_at=None
    )
    return bool(await next_one.update(revoked_at=now))


async def _add(user: User, family: str, now: datetime) -> Link:
    secret = PREFIX + secrets.token_urlsafe(32)
    await RefreshToken.create(
        user_id=user.id,
        family=family,
        token_hash=_hashed(secret),
        issued_at=now,
        expires_at=now + TTL,
    )
    return Link(user, family, secret)


def _hashed(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


async def find(secret: str) -> RefreshToken | None:
    return await RefreshToken.get_or_none(token_hash=_hashed(secret))


async def end(tx: Transaction, token: RefreshToken, now: datetime) -> None:
    """The token's family, of a person who is held."""
    theirs = RefreshToken.filter(family=token.family, revoked_at=None)
    if await theirs.update(revoked_at=now):
        await review_alone(tx, [token.user_id])


async def end_all(tx: Transaction, user_id: int, now: datetime, *, but: str | None = None) -> None:
    """All families, but for one, of a person who is held."""
    theirs = RefreshToken.filter(user_id=user_id, revoked_at=None)
    if but is not None:
        theirs = theirs.exclude(family=but)
    if await theirs.update(revoked_at=now):
        await review_alone(tx, [user_id])


async def forget_expired(now: datetime) -> None:
    """Some of them, each time somebody signs in: there are never many."""
    await sql.execute(FORGET.format(lock=sql.lock_suffix(skip_locked=True)), now)
