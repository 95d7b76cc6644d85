"""Who is asking: sign-in by password, and access tokens that say who it was."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache

import jwt
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from domain.access import Viewer
from domain.errors import InvalidCredentialsError, InvalidInputError, UnauthenticatedError
from models import User

ISSUER = "halaqa"
TTL = timedelta(hours=1)
LEEWAY_S = 5
LARGEST_ID = 2**31 - 1  # PostgreSQL refuses to compare an id with more

_hasher = PasswordHasher()


@dataclass(frozen=True, slots=True)
class SignedIn:
    user: User
    access_token: str
    expires_at: datetime


@cache
def _nobody() -> str:
    """Verified where there is no such person: an answer takes as long as for a wrong password."""
    return _hasher.hash("nobody's password")


async def hash_password(password: str) -> str:
    return await asyncio.to_thread(_hasher.hash, password)


async def _fits(password_hash: str, password: str) -> bool:
    try:
        return await asyncio.to_thread(_hasher.verify, password_hash, password)
    except (VerificationError, InvalidHashError):
        return False


async def sign_in(
    secret: str, email: str, password: str, academy_slug: str | None, now: datetime
) -> SignedIn:
    """INVALID_CREDENTIALS, whatever was wrong; INVALID_INPUT where the password fits in several
    academies and none is named."""
    found = [user for user in await _candidates(email, academy_slug) if user.password_hash]
    fitting = [user for user in found if await _fits(str(user.password_hash), password)]
    if not found:
        await _fits(await asyncio.to_thread(_nobody), password)
    if not fitting:
        raise InvalidCredentialsError("The email or the password is wrong.")
    if len(fitting) > 1:
        raise InvalidInputError("This email is in several academies.", ("academySlug",))
    token, expires_at = issue(secret, fitting[0], now)
    return SignedIn(fitting[0], token, expires_at)


async def _candidates(email: str, academy_slug: str | None) -> list[User]:
    users = User.filter(email=email.strip().lower(), is_active=True)
    if academy_slug is not None:
        users = users.filter(academy__slug=academy_slug)
    return await users.order_by("id").limit(10)


def issue(secret: str, user: User, now: datetime, ttl: timedelta = TTL) -> tuple[str, datetime]:
    expires_at = now.replace(microsecond=0) + ttl
    claims = {
        "iss": ISSUER,
        "sub": str(user.id),
        "iat": int(now.timestamp()),
        "exp": int(expires_at.timestamp()),
    }
    return jwt.encode(claims, secret, algorithm="HS256"), expires_at


async def viewer_of(secret: str, token: str, now: datetime) -> Viewer:
    """Who a token speaks for; UnauthenticatedError for a bad or expired one, or nobody active."""
    user_id, expires_at = _read(secret, token)
    if expires_at.timestamp() + LEEWAY_S <= now.timestamp():
        raise UnauthenticatedError("The token has expired.")
    user = await User.get_or_none(id=user_id)
    if user is None or not user.is_active:
        raise UnauthenticatedError("The token speaks for nobody.")
    return Viewer(user.id, user.role, user.academy_id, expires_at)


def _read(secret: str, token: str) -> tuple[int, datetime]:
    try:
        claims = jwt.decode(
            token,
            secret,
            algorithms=["HS256"],
            issuer=ISSUER,
            # The expiry is checked against the caller's now, not the wall clock.
            options={"verify_exp": False, "verify_iat": False, "require": ["sub", "exp"]},
        )
        user_id, expires_at = int(claims["sub"]), int(claims["exp"])
        if not 0 < user_id <= LARGEST_ID:
            raise ValueError("nobody can have this id")
        return user_id, datetime.fromtimestamp(expires_at, UTC)
    except (jwt.PyJWTError, ValueError, OverflowError) as error:
        raise UnauthenticatedError("The token is not valid.") from error
