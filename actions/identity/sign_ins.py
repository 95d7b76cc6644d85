"""Signing in, staying signed in, and signing out."""

from dataclasses import dataclass
from datetime import datetime

from actions.identity import access_tokens, attempts, refresh_tokens
from actions.identity.attempts import Attempt
from actions.identity.passwords import check_usable, hash_password, verify_password
from actions.identity.refresh_tokens import NewToken
from actions.writing.bulk import retried_if_raced, retry_if_raced
from domain.access import Viewer
from domain.errors import InvalidCredentialsError, InvalidInputError
from domain.text import email_of
from models import User
from models.database.atomic import atomic

WRONG = "The email or the password is wrong."


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A sign-in with its tokens. `refresh_token` is shown only now."""

    user: User
    viewer: Viewer
    access_token: str
    expires_at: datetime
    refresh_token: str


@dataclass(frozen=True, slots=True)
class Credentials:
    """Email and password as typed, and the client's address if it is known."""

    email: str
    password: str
    academy_slug: str | None = None
    address: str | None = None


async def sign_in(secret: str, given: Credentials, now: datetime) -> SignedIn:
    """Start a sign-in.

    INVALID_CREDENTIALS, whatever was wrong, and for an attempt that comes too early. INVALID_INPUT
    if the password is right in several academies and none is named.
    """
    attempt = attempts.sign_in_attempt(given.email, given.academy_slug, given.address, now)
    async with attempts.counted(attempt, now):
        people = User.filter(email=email_of(given.email), is_active=True, is_service=False)
        if given.academy_slug is not None:
            people = people.filter(academy__slug=given.academy_slug)
        found = [user for user in await people.order_by("id").limit(10) if user.password_hash]
        fitting = [
            user for user in found if await verify_password(user.password_hash, given.password)
        ]
        if not found:
            await verify_password(None, given.password)  # takes as long as for a known email
        if not fitting:
            raise InvalidCredentialsError(WRONG)
    if len(fitting) > 1:
        await attempts.succeed(attempt, now)  # nothing was guessed
        raise InvalidInputError("This email is in several academies.", ("academySlug",))
    new = await retry_if_raced(lambda: _start(fitting[0], attempt, now))
    await refresh_tokens.forget_expired(now)
    return _signed_in(secret, new, now)


async def _start(user: User, attempt: Attempt, now: datetime) -> NewToken:
    async with atomic():
        locked = await refresh_tokens.lock_user(user.id)
        # The password may have changed during its check, and the person may be inactive now.
        if locked is None or not locked.is_active or locked.password_hash != user.password_hash:
            raise InvalidCredentialsError(WRONG)
        await attempts.succeed(attempt, now)
        return await refresh_tokens.start_family(locked, now)


async def refresh_access_token(secret: str, refresh_token: str, now: datetime) -> SignedIn:
    """Use a refresh token; returns new tokens.

    INVALID_CREDENTIALS for a token that is expired, used or unknown, or whose family has ended.
    """
    new = await refresh_tokens.renew(refresh_token, now)
    if new is None:
        raise InvalidCredentialsError("This refresh token is not good any more: sign in again.")
    await refresh_tokens.forget_expired(now)
    return _signed_in(secret, new, now)


def _signed_in(secret: str, new: NewToken, now: datetime) -> SignedIn:
    user = new.user
    token, expires_at = access_tokens.issue(secret, user, now, family=new.family)
    viewer = user.as_viewer(expires_at, new.family)
    return SignedIn(user, viewer, token, expires_at, new.secret)


@retried_if_raced
async def sign_out(refresh_token: str, now: datetime) -> None:
    """End the token's family. An unknown token, or one whose family has ended, changes nothing."""
    token = await refresh_tokens.find_token(refresh_token)
    if token is None:
        return
    async with atomic() as tx:
        await refresh_tokens.lock_user(token.user_id)
        await refresh_tokens.end_family(tx, token, now)


async def change_password(viewer: Viewer, current: str, new: str, now: datetime) -> None:
    """Change the viewer's password, and end their other sign-ins.

    INVALID_CREDENTIALS for a wrong current password, and for a person without a password;
    INVALID_INPUT for a new password that is too short or too long.
    """
    check_usable(new, "new")
    attempt = attempts.password_change_attempt(viewer.user_id)
    user = await User.get(id=viewer.user_id)
    async with attempts.counted(attempt, now):
        if not await verify_password(user.password_hash, current):
            raise InvalidCredentialsError("The current password is wrong.", ("current",))
    password_hash = await hash_password(new)
    await retry_if_raced(lambda: _change(viewer, user, password_hash, attempt, now))


async def _change(
    viewer: Viewer, user: User, password_hash: str, attempt: Attempt, now: datetime
) -> None:
    async with atomic() as tx:
        locked = await refresh_tokens.lock_user(user.id)
        if locked is None or locked.password_hash != user.password_hash:
            raise InvalidCredentialsError("The password has just been changed.", ("current",))
        # `has_key_password` stays: a thief of the key that set the former one may be who asks.
        await User.filter(id=user.id).update(password_hash=password_hash)
        await attempts.succeed(attempt, now)
        await refresh_tokens.end_families(tx, user.id, now, but=viewer.family)
