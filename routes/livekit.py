"""LiveKit's door: is it LiveKit, what does it say, is it stored?

LiveKit sends again only what got a 5xx, five times at most: 200 is said after the commit, and to
whatever would fail for ever; 503 to whatever was not stored.
"""

import hashlib
import logging
from collections.abc import Mapping
from datetime import datetime

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

import clock
import settings
from actions.webhooks import receive_poison, record
from gateways.livekit_webhooks import (
    MAX_BODY_BYTES,
    BadSignatureError,
    MalformedError,
    check_digest,
    signed_digest,
    translate,
)

logger = logging.getLogger("halaqa.webhooks")


async def receive(request: Request) -> Response:
    """POST /webhooks/livekit."""
    return await answer(request, settings.current().webhook_keys(), clock.now())


async def answer(request: Request, keys: Mapping[str, str], now: datetime) -> Response:
    """200 stored, for good; 401 not signed by one of `keys` (secret by key); 503 not stored."""
    try:
        claimed = signed_digest(request.headers.get("authorization"), keys, now)
        body, digest = await _read(request)
        check_digest(claimed, digest)
    except BadSignatureError:
        logger.info("webhook refused")
        return Response(status_code=401)
    except ClientDisconnect:
        return Response(status_code=400)  # nobody is left to read it
    return Response(status_code=200 if await _is_stored(body, digest, now) else 503)


async def _read(request: Request) -> tuple[bytes, bytes]:
    """The body, cut off where it is known to be too large, and the SHA-256 of all of it."""
    kept, digest = bytearray(), hashlib.sha256()
    async for chunk in request.stream():
        digest.update(chunk)
        kept += chunk[: MAX_BODY_BYTES + 1 - len(kept)]
    return bytes(kept), digest.digest()


async def _is_stored(body: bytes, digest: bytes, now: datetime) -> bool:
    try:
        await _store(body, digest, now)
    except Exception:
        # Even what can never be stored blocks its room's queue for five attempts only.
        logger.exception("webhook not stored")
        return False
    return True


async def _store(body: bytes, digest: bytes, now: datetime) -> None:
    try:
        notice = translate(body)
    except MalformedError as error:
        await receive_poison(f"sha256:{digest.hex()}", error.reason, now)
    else:
        await record(notice, now)
