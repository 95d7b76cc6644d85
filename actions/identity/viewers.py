"""Who is asking: one function for every kind of bearer token.

What begins with `hlq_` is an access key. Everything else is a JWT: one of our own where its `iss`,
read before anything is verified, is "halaqa"; else one of the platform's. Nothing depends on that
guess but which key it is verified with: a token that claims to be another kind than it is fails.
"""

from dataclasses import dataclass
from datetime import datetime

import jwt

from actions.identity import access_keys, access_tokens, foreign_tokens
from actions.identity.foreign_tokens import Platform
from domain.access import Viewer
from settings import Settings


@dataclass(frozen=True, slots=True)
class Keyring:
    """What tokens are verified with, and the keys that were fetched for it: one for a process."""

    secret: str
    platform: Platform

    @classmethod
    def of(cls, settings: Settings) -> "Keyring":
        return cls(settings.jwt_secret.get_secret_value(), Platform.of(settings))


async def viewer_of(keyring: Keyring, token: str, now: datetime) -> Viewer:
    """Whom a bearer token speaks for now; UnauthenticatedError for a token that is not valid, has
    expired, was revoked or whose sign-in has ended, and for nobody who is active."""
    if token.startswith(access_keys.PREFIX):
        return await access_keys.viewer_of(token, now)
    if _issuer(token) == access_tokens.ISSUER:
        return await access_tokens.viewer_of(keyring.secret, token, now)
    return await foreign_tokens.viewer_of(keyring.platform, token, now)


def _issuer(token: str) -> object:
    try:
        return jwt.decode(token, options={"verify_signature": False}).get("iss")
    except (jwt.PyJWTError, ValueError, RecursionError):
        return None
