"""Access keys: the credentials with which an academy's own system signs in.

A key is `hlq_`, its number, `_` and a random secret. It is shown once; we keep the secret's hash.
A key acts as an academy admin with a user of its own: a service user, who has no email and no
password and so cannot sign in. A key may do what an academy admin may, with three exceptions, so
that a stolen key is of no use once it is revoked: it neither makes nor revokes keys, it neither
makes nor changes people who may do so, the academy's admins, and it sets no email and no password
of supervisors, or of whom a key made less than one. Whom it created or gave another role is listed
with it.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from actions.writing.rights import doubt_rights
from actions.writing.search_words import write_words
from domain.access import Permit, UserRole, Viewer
from domain.errors import (
    ForbiddenError,
    InvalidInputError,
    NotFoundError,
    UnauthenticatedError,
)
from domain.text import cleaned
from models import Academy, AccessKey, AccessKeyChange, User
from models.database.atomic import atomic

PREFIX = "hlq_"
ACADEMY_MAX_KEYS = 50
KEPT_ENDED = 100  # keys of an academy that are revoked or expired, and still listed
NAME_MAX_CHARS = 100
USE_STAMPED_EVERY = timedelta(minutes=1)
INVALID = "The access key is not valid."

_KEY = re.compile(r"hlq_([1-9][0-9]{0,8})_([A-Za-z0-9_-]{43})")


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that was just created. `secret` is the whole key, which is shown only now."""

    row: AccessKey
    secret: str


async def create_access_key(
    viewer: Viewer, academy_id: int, name: str, expires_at: datetime | None, now: datetime
) -> NewKey:
    """Create a key and its service user, and delete the oldest of many keys that have ended."""
    academy = await Academy.fetch_for(viewer, academy_id, Permit.CONFIGURE)
    _check_person(viewer)
    name = cleaned(name, NAME_MAX_CHARS, "name")
    if expires_at is not None and expires_at <= now:
        raise InvalidInputError("That is over already.", ("expiresAt",))
    secret = secrets.token_urlsafe(32)
    async with atomic():
        # Locked: of two requests at the same time, only one may make the last key.
        await Academy.select_for_update(no_key=True).get(id=academy.id)
        theirs = AccessKey.filter(academy_id=academy.id)
        working = await AccessKey.in_force(now).filter(academy_id=academy.id)
        if len(working) >= ACADEMY_MAX_KEYS:
            message = f"An academy has at most {ACADEMY_MAX_KEYS} keys: revoke one first."
            raise InvalidInputError(message)
        ended = theirs.exclude(id__in=[0, *(key.id for key in working)]).order_by("-id")
        for key in await ended.offset(KEPT_ENDED).limit(ACADEMY_MAX_KEYS):
            await key.delete()
        user = await User.create(
            academy_id=academy.id,
            role=UserRole.ACADEMY_ADMIN,
            first_name=name,
            last_name="",
            is_service=True,
            created_at=now,
        )
        await write_words([user])
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


def _hashed(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


async def revoke_access_key(viewer: Viewer, key_id: int, now: datetime) -> AccessKey:
    """Revoke a key: it stops working at once, open sockets too. Revoking again changes nothing."""
    row = await AccessKey.visible_to(viewer).get_or_none(id=key_id)
    if row is None:
        raise NotFoundError("No such access key.", ("id",))
    _check_person(viewer)
    async with atomic() as tx:
        if await AccessKey.filter(id=row.id, revoked_at=None).update(revoked_at=now):
            await User.filter(id=row.user_id).update(is_active=False)
            await doubt_rights(tx, [row.user_id], now)
    return await AccessKey.get(id=row.id)


async def note_changes(
    viewer: Viewer, users: Iterable[User], former: Mapping[int, UserRole], now: datetime
) -> None:
    """Note whom a key created, and whose role it changed; `former` are the roles by user id.

    For all others who write people nothing is noted.
    """
    if not viewer.is_service:
        return
    key = await AccessKey.get(user_id=viewer.user_id)
    changed = [(user, former.get(user.id)) for user in users]
    await AccessKeyChange.bulk_create(
        [
            AccessKeyChange(
                key_id=key.id,
                user_id=user.id,
                former_role=former_role,
                role=user.role,
                changed_at=now,
            )
            for user, former_role in changed
            if former_role is not user.role
        ]
    )


async def has_demoted(user: User) -> bool:
    """Tell whether a key once took the role of a supervisor from somebody.

    Keys neither change admins nor make them, so no higher role is noted.
    """
    changes = AccessKeyChange.filter(user_id=user.id, former_role=UserRole.SUPERVISOR)
    return await changes.exists()


async def viewer_of(key: str, now: datetime) -> Viewer:
    """Return the service user as viewer; UnauthenticatedError for a key that does not work."""
    parts = _KEY.fullmatch(key)
    if parts is None:
        raise UnauthenticatedError(INVALID)
    row = await AccessKey.get_or_none(id=int(parts[1])).select_related("user")
    if row is None or not hmac.compare_digest(row.secret_hash, _hashed(parts[2])):
        raise UnauthenticatedError(INVALID)
    if row.revoked_at is not None or not row.user.is_active:
        raise UnauthenticatedError(INVALID)
    if row.expires_at is not None and row.expires_at <= now:
        raise UnauthenticatedError("The access key has expired.")
    if row.last_used_at is None or now - row.last_used_at >= USE_STAMPED_EVERY:
        # Of many requests at the same time, one writes: the others find no such row.
        seen = AccessKey.filter(id=row.id, last_used_at=row.last_used_at)
        await seen.update(last_used_at=now)
    return row.user.as_viewer(row.expires_at)
