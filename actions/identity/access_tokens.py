"""Access tokens: short JWTs of our own that say who signed in, and in which sign-in.

HS256 with HALAQA_JWT_SECRET; `iss` is "halaqa", `sub` the person's number, `sid` the family of
refresh tokens it came with. A token without `sid`, which only the command line makes, lives until
its `exp`; one with it ends with its family.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt

from domain.access import Viewer
from domain.errors import UnauthenticatedError
from models import RefreshToken, User

ISSUER = "halaqa"
TTL = timedelta(minutes=15)
LEEWAY_S = 5
LARGEST_ID = 2**31 - 1  # PostgreSQL refuses to compare an id with more


@dataclass(frozen=True, slots=True)
class Claims:
    user_id: int
    expires_at: datetime
    family: str | None


def issue(
    secret: str, user: User, now: datetime, ttl: timedelta = TTL, family: str | None = None
) -> tuple[str, datetime]:
    """The token, and until when it is good."""
    expires_at = now.replace(microsecond=0) + ttl
    claims: dict[str, Any] = {
        "iss": ISSUER,
        "sub": str(user.id),
        "iat": int(now.timestamp()),
        "exp": int(expires_at.timestamp()),
    }
    if family is not None:
        claims["sid"] = family
    return jwt.encode(claims, secret, algorithm="HS256"), expires_at


async def viewer_of(secret: str, token: str, now: datetime) -> Viewer:
    """UnauthenticatedError for a bad or expired token, one whose sign-in has ended, or nobody."""
    claims = _read(secret, token)
    if claims.expires_at.timestamp() + LEEWAY_S <= now.timestamp():
        raise UnauthenticatedError("The token has expired.")
    user = await User.get_or_none(id=claims.user_id, is_active=True, is_service=False)
    if user is None:
        raise UnauthenticatedError("The token speaks for nobody.")
    if claims.family is not None and not await _goes_on(claims.family, user.id):
        raise UnauthenticatedError("This sign-in has ended.")
    return user.as_viewer(claims.expires_at, claims.family)


async def _goes_on(family: str, user_id: int) -> bool:
    return await RefreshToken.exists(family=family, user_id=user_id, revoked_at=None)


def _read(secret: str, token: str) -> Claims:
    try:
        claims = jwt.decode(
            token,
            secret,
            algorithms=["HS256"],
            issuer=ISSUER,
            # The expiry is checked against the caller's now, not the wall clock.
            options={"verify_exp": False, "verify_iat": False, "require": ["sub", "exp"]},
        )
        return _claims(claims)
    except (jwt.PyJWTError, ValueError, OverflowError) as error:
        raise UnauthenticatedError("The token is not valid.") from error


def _claims(claims: dict[str, Any]) -> Claims:
    user_id, family = int(claims["sub"]), claims.get("sid")
    if not 0 < user_id <= LARGEST_ID:
        raise ValueError("nobody can have this id")
    if family is not None and not isinstance(family, str):
        raise ValueError("a family is a string")
    return Claims(user_id, datetime.fromtimestamp(int(claims["exp"]), UTC), family)
