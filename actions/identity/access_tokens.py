"""Access tokens: short-lived JWTs of our own that name a person and their sign-in.

HS256 with HALAQA_JWT_SECRET. `iss` is "halaqa", `sub` the person's id, `sid` the family of refresh
tokens that it came with. A token with `sid` ends with its family, and at `exp`. Only the command
line makes tokens without `sid`; they end at `exp`.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import jwt

from domain.errors import UnauthenticatedError
from domain.rooms import USER_ID_MAX
from models import User
from models.reading.viewers import Claims

ISSUER = "halaqa"
ACCESS_TOKEN_TTL = timedelta(minutes=15)
LEEWAY_S = 5


def issue(
    secret: str,
    user: User,
    now: datetime,
    ttl: timedelta = ACCESS_TOKEN_TTL,
    family: str | None = None,
) -> tuple[str, datetime]:
    """Make a token for a person; returns it and its expiry."""
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


def verified(secret: str, token: str, now: datetime) -> Claims:
    """Return what a token says; UnauthenticatedError for one that is invalid or expired."""
    try:
        claims = jwt.decode(
            token,
            secret,
            algorithms=["HS256"],
            issuer=ISSUER,
            # The expiry is checked against the caller's now, not the wall clock.
            options={"verify_exp": False, "verify_iat": False, "require": ["sub", "exp"]},
        )
        user_id, family = int(claims["sub"]), claims.get("sid")
        expires_at = datetime.fromtimestamp(int(claims["exp"]), UTC)
        if not 0 < user_id <= USER_ID_MAX:
            raise ValueError("nobody can have this id")
        if family is not None and not isinstance(family, str):
            raise ValueError("a family is a string")
    except (jwt.PyJWTError, ValueError, OverflowError) as error:
        raise UnauthenticatedError("The token is not valid.") from error
    if expires_at.timestamp() + LEEWAY_S <= now.timestamp():
        raise UnauthenticatedError("The token has expired.")
    return Claims(user_id, expires_at, family)
