"""The public keys of the platform's own sign-in, fetched from the address that publishes them."""

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
RSA_MIN_BITS = 2048

logger = logging.getLogger("halaqa.jwks")


class JwksError(Exception):
    """The answer is no set of keys; the message says why, in a fixed phrase."""


class Jwks:
    """Keep the keys by `kid`, also while the address does not answer.

    They are fetched when somebody asks for an unknown key, as after a rotation, and when they are
    an hour old, as one may have been withdrawn. All askers together cause one fetch in 30 s.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._keys: dict[str | None, jwt.PyJWK] = {}
        self._fetched_at: datetime | None = None
        self._tried_at: datetime | None = None
        self._fetching: asyncio.Task[None] | None = None

    async def find(self, kid: str | None, now: datetime) -> jwt.PyJWK | None:
        """Return the key; None when it is unknown. Without a `kid` it is the only key, if there is
        exactly one. Waits for a fetch when the key is unknown or the keys are an hour old."""
        is_old = self._fetched_at is None or now - self._fetched_at >= FRESH_FOR
        if self._find(kid) is None or is_old:
            just_tried = self._tried_at is not None and abs(now - self._tried_at) < TRY_EVERY
            if self._fetching is None or (self._fetching.done() and not just_tried):
                self._tried_at = now
                self._fetching = apart(self._fetch(now))
            # Shielded: an asker who hangs up must not cancel the fetch that others wait for.
            await asyncio.shield(self._fetching)
        return self._find(kid)

    def _find(self, kid: str | None) -> jwt.PyJWK | None:
        if kid is None and len(self._keys) == 1:
            return next(iter(self._keys.values()))
        return self._keys.get(kid)

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
    """Return the usable keys by `kid`; raise JwksError when there is none."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        raise JwksError("not JSON") from None
    listed = answer.get("keys") if isinstance(answer, dict) else None
    fields = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    keys = map(_usable_key, fields)
    found = {key.key_id: key for key in keys if key is not None}
    if not found:
        raise JwksError("no usable key")
    return found


def _usable_key(fields: dict[str, Any]) -> jwt.PyJWK | None:
    """Read one key; None when it does not check signatures, is of another kind, or is too short."""
    kid = fields.get("kid")
    # A private key ("d") and a shared secret are refused: neither is a public key.
    if fields.get("use", "sig") != "sig" or "d" in fields or not isinstance(kid, str | None):
        return None
    try:
        key = jwt.PyJWK(fields)
    except (jwt.PyJWTError, ValueError, TypeError, KeyError):
        return None
    bits = getattr(key.key, "key_size", RSA_MIN_BITS)
    is_short = fields.get("kty") == "RSA" and bits < RSA_MIN_BITS
    return key if key.algorithm_name in ALGORITHMS and not is_short else None
