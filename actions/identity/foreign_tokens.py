"""Tokens of the platform's own sign-in: JWTs that name a person as the platform knows them.

Claims: `sub` is the person's external id and `academy` the academy's slug, both strings. `exp` is
required. `iss` and `aud` are checked if the settings name them, `nbf` and `iat` if the token has
them. Times have a leeway, because clocks differ. The person is one whom `upsertUsers` wrote, and is
active. A super admin has no academy, so no such token speaks for one.

The settings say which algorithm is accepted, and never the token: HS256 with the shared secret if
there is one; and for a key of HALAQA_JWKS_URL, the one algorithm that this key is for. So a public
key is never taken for a shared secret.
"""

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt

from domain.access import Viewer
from domain.errors import UnauthenticatedError
from domain.text import EXTERNAL_ID_MAX_CHARS, is_storable
from gateways.jwks import ALGORITHMS, Jwks
from models import User
from settings import Settings

TOKEN_MAX_CHARS = 8192


@dataclass(frozen=True, slots=True)
class Platform:
    """The settings that verify the platform's tokens; None where a setting is not given."""

    secret: str | None
    jwks: Jwks | None
    issuer: str | None
    audience: str | None
    leeway: timedelta

    @classmethod
    def of(cls, settings: Settings) -> "Platform":
        secret = settings.foreign_jwt_secret
        return cls(
            secret=secret.get_secret_value() if secret else None,
            jwks=Jwks(settings.jwks_url) if settings.jwks_url else None,
            issuer=settings.foreign_jwt_issuer,
            audience=settings.foreign_jwt_audience,
            leeway=timedelta(seconds=settings.foreign_jwt_leeway_seconds),
        )


async def viewer_of(platform: Platform, token: str, now: datetime) -> Viewer:
    """Return the person of a token as viewer.

    UnauthenticatedError for a token that is invalid, expired or not valid yet, and for a person who
    is unknown or not active.
    """
    try:
        claims = await _verified(platform, token, now)
        for claim in ("nbf", "iat"):
            if claim in claims and _moment(claims[claim]) - platform.leeway > now:
                raise ValueError("the token is not valid yet")
        expires_at = _moment(claims["exp"]) + platform.leeway
        external_id, academy_slug = _text(claims["sub"]), _text(claims["academy"])
    except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise UnauthenticatedError("The token is not valid.") from error
    if expires_at <= now:
        raise UnauthenticatedError("The token has expired.")
    user = await User.get_or_none(
        academy__slug=academy_slug, external_id=external_id, is_active=True, is_service=False
    )
    if user is None:
        raise UnauthenticatedError("The token speaks for nobody.")
    return user.as_viewer(expires_at)


async def _verified(platform: Platform, token: str, now: datetime) -> dict[str, Any]:
    """Find the key for the token, and return the claims that it signs."""
    if len(token) > TOKEN_MAX_CHARS:
        raise ValueError("the token is too long")
    header = jwt.get_unverified_header(token)
    algorithm = str(header.get("alg"))
    key: str | jwt.PyJWK | None = None
    if algorithm == "HS256" and platform.secret is not None:
        key = platform.secret
    elif algorithm in ALGORITHMS and platform.jwks is not None:
        found = await platform.jwks.find(header.get("kid"), now)
        key = found if found is not None and found.algorithm_name == algorithm else None
    if key is None:
        raise ValueError("no key for this token")
    return jwt.decode(
        token,
        key,
        algorithms=[algorithm],
        issuer=platform.issuer,
        audience=platform.audience,
        # The times are checked against the caller's now, not the wall clock.
        options={
            "verify_exp": False,
            "verify_nbf": False,
            "verify_iat": False,
            "verify_aud": platform.audience is not None,
            "require": ["sub", "academy", "exp"],
        },
    )


def _moment(value: object) -> datetime:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError("a time is a number of seconds")
    return datetime.fromtimestamp(value, UTC)


def _text(value: object) -> str:
    if not isinstance(value, str) or not 1 <= len(value) <= EXTERNAL_ID_MAX_CHARS:
        raise ValueError("a name is a string of 1 to 200 characters")
    if not is_storable(value):
        raise ValueError("a name has characters that no name has")
    return value
