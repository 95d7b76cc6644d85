"""Tokens of the platform's own sign-in: JWTs that name a person as the platform knows them.

Claims: `sub` is the person's externalId and `academy` the academy's slug, both strings; `exp` is
required; `iss` and `aud` are checked where the settings name them, `nbf` and `iat` where they are
there. Times have a leeway for clocks that differ. The person is one we have been told of by
`upsertUsers`, and active; a super admin is of no academy, so no such token speaks for one.

Which algorithm is good is for the settings to say, never for the token: HS256 with the shared
secret where there is one, and a key of HALAQA_JWKS_URL with the one algorithm that key is for. So
a public key is never taken for a shared secret.
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

MAX_TOKEN_CHARS = 8192


@dataclass(frozen=True, slots=True)
class Platform:
    """What the platform's tokens are held against; None where it is not set."""

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


@dataclass(frozen=True, slots=True)
class Named:
    """Whom a token speaks for, in the platform's words, and until when we take it."""

    external_id: str
    academy_slug: str
    expires_at: datetime


async def viewer_of(platform: Platform, token: str, now: datetime) -> Viewer:
    """UnauthenticatedError for a token that is not valid, not valid now, or of somebody unknown."""
    try:
        named = _named(await _verified(platform, token, now), platform.leeway, now)
    except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise UnauthenticatedError("The token is not valid.") from error
    if named.expires_at <= now:
        raise UnauthenticatedError("The token has expired.")
    user = await User.get_or_none(
        academy__slug=named.academy_slug,
        external_id=named.external_id,
        is_active=True,
        is_service=False,
    )
    if user is None:
        raise UnauthenticatedError("The token speaks for nobody.")
    return user.as_viewer(named.expires_at)


async def _verified(platform: Platform, token: str, now: datetime) -> dict[str, Any]:
    if len(token) > MAX_TOKEN_CHARS:
        raise ValueError("the token is too long")
    header = jwt.get_unverified_header(token)
    algorithm = str(header.get("alg"))
    return jwt.decode(
        token,
        await _key(platform, algorithm, header.get("kid"), now),
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


async def _key(
    platform: Platform, algorithm: str, kid: str | None, now: datetime
) -> str | jwt.PyJWK:
    if algorithm == "HS256" and platform.secret is not None:
        return platform.secret
    if algorithm in ALGORITHMS and platform.jwks is not None:
        key = await platform.jwks.find(kid, now)
        if key is not None and key.algorithm_name == algorithm:
            return key
    raise ValueError("no key for this token")


def _named(claims: dict[str, Any], leeway: timedelta, now: datetime) -> Named:
    for claim in ("nbf", "iat"):
        if claim in claims and _moment(claims[claim]) - leeway > now:
            raise ValueError("the token is not valid yet")
    until = _moment(claims["exp"]) + leeway
    return Named(_text(claims["sub"]), _text(claims["academy"]), until)


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
