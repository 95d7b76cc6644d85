"""Access keys: what an academy's own system signs in with.

A key is `hlq_`, its number, `_` and a random secret. It is shown once; the secret's hash is kept.
It acts as an academy admin with a user of its own: a service user, who has no email and no password
and so cannot sign in. A key does what an academy admin may, with two exceptions, so that one that
was stolen cannot outlive its being revoked: it neither makes nor revokes keys, and it neither makes
nor changes people who may, the academy's admins.
"""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from actions.writing.rights import review
from domain.access import Permit, UserRole, Viewer
from domain.errors import (
    ForbiddenError,
    InvalidInputError,
    NotFoundError,
    UnauthenticatedError,
)
from domain.text import cleaned
from models import Academy, AccessKey, User
from models.database.atomic import atomic

PREFIX = "hlq_"
MOST_KEYS = 50
KEPT_ENDED = 100
LONGEST_NAME = 100
STAMPED_EVERY = timedelta(minutes=1)

_KEY = re.compile(r"hlq_([1-9][0-9]{0,8})_([A-Za-z0-9_-]{43})")


@dataclass(frozen=True, slots=True)
class NewKey:
    """`secret` is the whole key, told this once."""

    row: AccessKey
    secret: str


async def create_access_key(
    viewer: Viewer, academy_id: int, name: str, expires_at: datetime | None, now: datetime
) -> NewKey:
    academy = await Academy.fetch_for(viewer, academy_id, Permit.CONFIGURE)
    _check_person(viewer)
    name = cleaned(name, LONGEST_NAME, "name")
    if expires_at is not None and expires_at <= now:
        raise InvalidInputError("That is over already.", ("expiresAt",))
    secret = secrets.token_urlsafe(32)
    async with atomic():
        await _make_place(academy.id, now)
        user = await _service_user(academy.id, name, now)
        row = await AccessKey.create(
            academy_id=academy.id,
            user_id=user.id,
            name=name,
            secret_hash=_hashed(secret),
            created_at=now,
            expires_at=expires_at,
        )
    return NewKey(row, f"{PREFIX}{row.id}_{secret}")


def _check_person(viewer: Viewer) -> None:
    if viewer.is_service:
        raise ForbiddenError("An access key neither makes nor revokes keys.")


async def _make_place(academy_id: int, now: datetime) -> None:
    """Of those that do not work any more, the oldest are forgotten."""
    # Held: two at once cannot both be the last.
    await Academy.select_for_update(no_key=True).get(id=academy_id)
    theirs = AccessKey.filter(academy_id=academy_id)
    working = await AccessKey.in_force(now).filter(academy_id=academy_id)
    if len(working) >= MOST_KEYS:
        raise InvalidInputError(f"An academy has at most {MOST_KEYS} keys: revoke one first.")
    ended = theirs.exclude(id__in=[0, *(key.id for key in working)]).order_by("-id")
    for key in await ended.offset(KEPT_ENDED).limit(MOST_KEYS):
        await key.delete()


async def _service_user(academy_id: int, name: str, now: datetime) -> User:
    return await User.create(
        academy_id=academy_id,
        role=UserRole.ACADEMY_ADMIN,
        first_name=name,
        last_name="",
        is_service=True,
        created_at=now,
    )


def _hashed(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


async def revoke_access_key(viewer: Viewer, key_id: int, now: datetime) -> AccessKey:
    """It stops working at once, sockets too. Once revoked it stays as it was."""
    row = await AccessKey.visible_to(viewer).get_or_none(id=key_id)
    if row is None:
        raise NotFoundError("No such access key.", ("id",))
    _check_person(viewer)
    async with atomic() as tx:
        if await AccessKey.filter(id=row.id, revoked_at=None).update(revoked_at=now):
            await User.filter(id=row.user_id).update(is_active=False)
            await review(tx, [row.user_id], now)
    return await AccessKey.get(id=row.id)


async def viewer_of(key: str, now: datetime) -> Viewer:
    """UnauthenticatedError for a key that is unknown, revoked or expired."""
    row = await _find(key)
    if row is None or row.revoked_at is not None or not row.user.is_active:
        raise UnauthenticatedError("The access key is not valid.")
    if row.expires_at is not None and row.expires_at <= now:
        raise UnauthenticatedError("The access key has expired.")
    await _stamp(row, now)
    return row.user.as_viewer(row.expires_at)


async def _find(key: str) -> AccessKey | None:
    parts = _KEY.fullmatch(key)
    if parts is None:
        return None
    row = await AccessKey.get_or_none(id=int(parts[1])).select_related("user")
    is_it = row is not None and hmac.compare_digest(row.secret_hash, _hashed(parts[2]))
    return row if is_it else None


async def _stamp(row: AccessKey, now: datetime) -> None:
    """At most once a minute, and once though many requests come at the same time."""
    if row.last_used_at is None or now - row.last_used_at >= STAMPED_EVERY:
        seen = AccessKey.filter(id=row.id, last_used_at=row.last_used_at)
        await seen.update(last_used_at=now)
