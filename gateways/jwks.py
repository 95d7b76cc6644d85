"""The public keys of the platform's own sign-in, fetched from where it publishes them."""

import asyncio
import json
import logging
from datetime import datetime, timedelta
from typing import Any

import aiohttp
import jwt

from background import apart

ALGORITHMS = ("RS256", "ES256", "EdDSA")
FETCH_WITHIN_S = 5
MAX_BYTES = 256 * 1024
FRESH_FOR = timedelta(hours=1)
TRY_EVERY = timedelta(seconds=30)
SHORTEST_RSA_BITS = 2048

logger = logging.getLogger("halaqa.jwks")


class JwksError(Exception):
    """What was answered is no set of keys. Says why, in a fixed phrase."""


class Jwks:
    """Keys by `kid`, kept while the address does not answer.

    Fetched when a key is asked for that is not there, as after a rotation, or when they are an hour
    old: one may have been withdrawn. At most once in 30 s, whoever asks for what.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._keys: dict[str | None, jwt.PyJWK] = {}
        self._fetched_at: datetime | None = None
        self._tried_at: datetime | None = None
        self._fetching: asyncio.Task[None] | None = None

    async def find(self, kid: str | None, now: datetime) -> jwt.PyJWK | None:
        """The key, waiting for the address where it is not known, or was an hour ago. None without
        a `kid` unless there is exactly one key."""
        if self._find(kid) is None or self._is_old(now):
            # Not with the one who asked: who hangs up must not spoil it for the others.
            await asyncio.shield(self._fetching_since(now))
        return self._find(kid)

    def _find(self, kid: str | None) -> jwt.PyJWK | None:
        if kid is None and len(self._keys) == 1:
            return next(iter(self._keys.values()))
        return self._keys.get(kid)

    def _is_old(self, now: datetime) -> bool:
        return self._fetched_at is None or now - self._fetched_at >= FRESH_FOR

    def _fetching_since(self, now: datetime) -> asyncio.Task[None]:
        """What is under way, or a new try; within 30 s of the last one that one, which is over."""
        is_too_soon = self._tried_at is not None and abs(now - self._tried_at) < TRY_EVERY
        if self._fetching is None or (self._fetching.done() and not is_too_soon):
            self._tried_at = now
            self._fetching = apart(self._fetch(now))
        return self._fetching

    async def _fetch(self, now: datetime) -> None:
        try:
            self._keys = read_keys(await self._download())
            self._fetched_at = now
        except (aiohttp.ClientError, TimeoutError, OSError, JwksError) as error:
            reason = str(error) or type(error).__name__
            logger.warning("keys not fetched", extra={"url": self._url, "reason": reason})

    async def _download(self) -> bytes:
        timeout = aiohttp.ClientTimeout(total=FETCH_WITHIN_S)
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(self._url, allow_redirects=False) as answer,
        ):
            if answer.status != 200:
                raise JwksError(f"answered {answer.status}")
            body = bytearray()
            async for chunk in answer.content.iter_any():
                body += chunk
                if len(body) > MAX_BYTES:
                    raise JwksError(f"more than {MAX_BYTES} bytes")
            return bytes(body)


def read_keys(body: bytes) -> dict[str | None, jwt.PyJWK]:
    """The usable ones, by `kid`; JwksError where there is none."""
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        raise JwksError("not JSON") from None
    given = told.get("keys") if isinstance(told, dict) else None
    keys = [_key(one) for one in given if isinstance(one, dict)] if isinstance(given, list) else []
    found = {key.key_id: key for key in keys if key is not None}
    if not found:
        raise JwksError("no usable key")
    return found


def _key(told: dict[str, Any]) -> jwt.PyJWK | None:
    """None for what is not for checking signatures, is of another kind, or too short."""
    kid = told.get("kid")
    # A private half has no business here, nor has a shared secret: neither is a public key.
    if told.get("use", "sig") != "sig" or "d" in told or not isinstance(kid, str | None):
        return None
    try:
        key = jwt.PyJWK(told)
    except (jwt.PyJWTError, ValueError, TypeError, KeyError):
        return None
    bits = getattr(key.key, "key_size", SHORTEST_RSA_BITS)
    is_short = told.get("kty") == "RSA" and bits < SHORTEST_RSA_BITS
    return key if key.algorithm_name in ALGORITHMS and not is_short else None
