"""Refresh tokens: a sign-in is a family of them; each is used once, and the next replaces it.

A token that comes back after its use may be stolen, and nobody can tell which of the two users is
the thief. So the whole family ends, with its access tokens and its sockets. There is one exception:
within GRACE of the use, and while the next token is unused, the answer may have been lost, or two
tabs asked at the same time. Then the next token is revoked and another one given: a family never
has two valid tokens.

Starting, renewing and ending families locks the person's row first, so that no token is made in a
family that is being ended.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from actions.writing.bulk import retried_if_raced
from actions.writing.rights import doubt_own_rights
from models import RefreshToken, User
from models.database import sql
from models.database.atomic import Transaction, atomic

PREFIX = "hlr_"
REFRESH_TOKEN_TTL = timedelta(days=30)
GRACE = timedelta(seconds=10)

FORGET = """
DELETE FROM refresh_tokens WHERE id IN (
    SELECT id FROM refresh_tokens WHERE expires_at < $1 ORDER BY expires_at LIMIT 100{lock}
)
"""


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token that was just made. `secret` is shown only now: we keep its hash."""

    user: User
    family: str
    secret: str


async def lock_user(user_id: int) -> User | None:
    """Lock the person: until the transaction ends, nobody else changes their families."""
    return await User.select_for_update(no_key=True).get_or_none(id=user_id)


async def start_family(user: User, now: datetime) -> NewToken:
    """Start a new family of a person who is locked."""
    return await _add(user, secrets.token_hex(16), now)


@retried_if_raced
async def renew(secret: str, now: datetime) -> NewToken | None:
    """Use a token and return the next of its family; None for a token that is not valid."""
    found = await find_token(secret)  # an invented token must not start a transaction
    if found is None:
        return None
    async with atomic() as tx:
        user = await lock_user(found.user_id)
        # Read again: others may have used or deleted it before we had the lock.
        token = await RefreshToken.get_or_none(id=found.id)
        if user is None or token is None or not user.is_active or token.expires_at <= now:
            return None
        is_valid = token.revoked_at is None
        if is_valid and token.used_at is not None:
            next_one = RefreshToken.filter(
                family=token.family, issued_at=token.used_at, used_at=None, revoked_at=None
            )
            is_recent = now - token.used_at <= GRACE
            is_valid = is_recent and bool(await next_one.update(revoked_at=now))
        if not is_valid:
            await end_family(tx, token, now)
            return None
        await RefreshToken.filter(id=token.id).update(used_at=now)
        return await _add(user, token.family, now)


async def _add(user: User, family: str, now: datetime) -> NewToken:
    secret = PREFIX + secrets.token_urlsafe(32)
    await RefreshToken.create(
        user_id=user.id,
        family=family,
        token_hash=_hashed(secret),
        issued_at=now,
        expires_at=now + REFRESH_TOKEN_TTL,
    )
    return NewToken(user, family, secret)


def _hashed(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


async def find_token(secret: str) -> RefreshToken | None:
    return await RefreshToken.get_or_none(token_hash=_hashed(secret))


async def end_family(tx: Transaction, token: RefreshToken, now: datetime) -> None:
    """End the token's family. The caller has locked the person's row."""
    valid = RefreshToken.filter(family=token.family, revoked_at=None)
    if await valid.update(revoked_at=now):
        await doubt_own_rights(tx, [token.user_id])


async def end_families(
    tx: Transaction, user_id: int, now: datetime, *, but: str | None = None
) -> None:
    """End all families of a person except `but`. The caller has locked the person's row."""
    valid = RefreshToken.filter(user_id=user_id, revoked_at=None)
    if but is not None:
        valid = valid.exclude(family=but)
    if await valid.update(revoked_at=now):
        await doubt_own_rights(tx, [user_id])


async def forget_expired(now: datetime) -> None:
    """Delete some expired tokens. Each sign-in does so, and so there are never many."""
    await sql.execute(FORGET.format(lock=sql.lock_suffix(skip_locked=True)), now)
