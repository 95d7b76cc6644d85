"""Viewers: one function finds the viewer for every kind of bearer token.

A token that starts with `hlq_` is an access key. Every other token is a JWT: one of our own if its
`iss`, which is read before anything is verified, is "halaqa"; else one of the platform. This guess
only decides which key verifies the token: a token that pretends to be of another kind fails.
"""

import base64
import json
from dataclasses import dataclass
from datetime import datetime

from actions.identity import access_keys, access_tokens, foreign_tokens
from actions.identity.foreign_tokens import Platform
from domain.access import Viewer
from models.database.together import Together
from models.reading.viewers import Claims, read_viewers
from settings import Settings


@dataclass(frozen=True, slots=True)
class Keyring:
    """Secrets and fetched keys that verify tokens, and the readings of whom they name.

    A process has one keyring.
    """

    secret: str
    platform: Platform
    people: Together[Claims, Viewer]

    @classmethod
    def of(cls, settings: Settings) -> "Keyring":
        secret = settings.jwt_secret.get_secret_value()
        return cls(secret, Platform.of(settings), Together(read_viewers))


async def viewer_of(keyring: Keyring, token: str, now: datetime) -> Viewer:
    """Return the viewer for whom a bearer token speaks now.

    UnauthenticatedError for a token that is invalid, expired or revoked, for one whose sign-in has
    ended, and for a person who is not active.
    """
    if token.startswith(access_keys.PREFIX):
        return await access_keys.viewer_of(token, now)
    if _issuer(token) == access_tokens.ISSUER:
        return await keyring.people.ask(access_tokens.verified(keyring.secret, token, now))
    return await foreign_tokens.viewer_of(keyring.platform, token, now)


def _issuer(token: str) -> object:
    """Return the `iss` that a JWT claims, unverified; None where there is none to read.

    By hand, as it is read for every token, and PyJWT's own way costs six times as much.
    """
    try:
        claims = token.split(".")[1]
        read = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
        return read.get("iss")
    except (LookupError, ValueError, AttributeError, RecursionError):
        return None
