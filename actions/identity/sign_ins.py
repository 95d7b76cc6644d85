"""Signing in, staying signed in, and signing out."""

from dataclasses import dataclass
from datetime import datetime

from actions.identity import access_tokens, attempts, refresh_tokens
from actions.identity.attempts import Attempt
from actions.identity.passwords import check_usable, fits, hash_password
from actions.identity.refresh_tokens import Link
from actions.writing.bulk import again_if_raced
from domain.access import Viewer
from domain.errors import InvalidCredentialsError, InvalidInputError
from domain.text import email_of
from models import RefreshToken, User
from models.database.atomic import atomic

WRONG = "The email or the password is wrong."


@dataclass(frozen=True, slots=True)
class SignedIn:
    """`refresh_token` is told this once."""

    user: User
    viewer: Viewer
    access_token: str
    expires_at: datetime
    refresh_token: str


@dataclass(frozen=True, slots=True)
class Credentials:
    """What somebody typed, and the address it came from, where that is known."""

    email: str
    password: str
    academy_slug: str | None = None
    address: str | None = None


async def sign_in(secret: str, given: Credentials, now: datetime) -> SignedIn:
    """INVALID_CREDENTIALS, whatever was wrong, or where it comes too early; INVALID_INPUT where
    the password fits in several academies and none is named."""
    attempt = attempts.to_sign_in(given.email, given.academy_slug, given.address, now)
    async with attempts.counted(attempt, now):
        fitting = await _fitting(given)
    if len(fitting) > 1:
        await attempts.succeed(attempt, now)  # nothing was guessed
        raise InvalidInputError("This email is in several academies.", ("academySlug",))
    link = await again_if_raced(lambda: _begin(fitting[0], attempt, now))
    await refresh_tokens.forget_expired(now)
    return _signed_in(secret, link, now)


async def _fitting(given: Credentials) -> list[User]:
    """One or more."""
    found = [user for user in await _candidates(given) if user.password_hash]
    fitting = [user for user in found if await fits(user.password_hash, given.password)]
    if not found:
        await fits(None, given.password)
    if not fitting:
        raise InvalidCredentialsError(WRONG)
    return fitting


async def _candidates(given: Credentials) -> list[User]:
    users = User.filter(email=email_of(given.email), is_active=True, is_service=False)
    if given.academy_slug is not None:
        users = users.filter(academy__slug=given.academy_slug)
    return await users.order_by("id").limit(10)


async def _begin(user: User, attempt: Attempt, now: datetime) -> Link:
    async with atomic():
        held = await refresh_tokens.hold(user.id)
        # While the password was checked, somebody may have changed it, or deactivated them.
        if held is None or not held.is_active or held.password_hash != user.password_hash:
            raise InvalidCredentialsError(WRONG)
        await attempts.succeed(attempt, now)
        return await refresh_tokens.begin(held, now)


async def refresh_access_token(secret: str, refresh_token: str, now: datetime) -> SignedIn:
    """INVALID_CREDENTIALS for a token that is expired, used, unknown, or whose family has ended."""
    link = await refresh_tokens.renew(refresh_token, now)
    if link is None:
        raise InvalidCredentialsError("This refresh token is not good any more: sign in again.")
    await refresh_tokens.forget_expired(now)
    return _signed_in(secret, link, now)


def _signed_in(secret: str, link: Link, now: datetime) -> SignedIn:
    user = link.user
    token, expires_at = access_tokens.issue(secret, user, now, family=link.family)
    viewer = user.as_viewer(expires_at, link.family)
    return SignedIn(user, viewer, token, expires_at, link.secret)


async def sign_out(refresh_token: str, now: datetime) -> None:
    """Ends the token's family. Nothing happens where it has ended, or there is none."""
    found = await refresh_tokens.find(refresh_token)
    if found is not None:
        token = found
        await again_if_raced(lambda: _end(token, now))


async def _end(token: RefreshToken, now: datetime) -> None:
    async with atomic() as tx:
        await refresh_tokens.hold(token.user_id)
        await refresh_tokens.end(tx, token, now)


async def change_password(viewer: Viewer, current: str, new: str, now: datetime) -> None:
    """Ends the person's other sign-ins. INVALID_CREDENTIALS for a wrong current password, also for
    who has none; INVALID_INPUT for a new one that is too short or too long."""
    check_usable(new, "new")
    attempt = attempts.to_change_password(viewer.user_id)
    user = await User.get(id=viewer.user_id)
    async with attempts.counted(attempt, now):
        if not await fits(user.password_hash, current):
            raise InvalidCredentialsError("The current password is wrong.", ("current",))
    password_hash = await hash_password(new)
    await again_if_raced(lambda: _change(viewer, user, password_hash, attempt, now))


async def _change(
    viewer: Viewer, user: User, password_hash: str, attempt: Attempt, now: datetime
) -> None:
    async with atomic() as tx:
        held = await refresh_tokens.hold(user.id)
        if held is None or held.password_hash != user.password_hash:
            raise InvalidCredentialsError("The password has just been changed.", ("current",))
        await User.filter(id=user.id).update(password_hash=password_hash)
        await attempts.succeed(attempt, now)
        await refresh_tokens.end_all(tx, user.id, now, but=viewer.family)
