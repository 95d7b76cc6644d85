"""LiveKit's door: is it LiveKit, what does it say, is it stored?

LiveKit sends again only what got a 5xx, five times at most: 200 is said after the commit, and to
whatever would fail for ever; 503 to whatever was not stored.
"""

import hashlib
import logging
from collections.abc import Mapping
from datetime import datetime
from time import perf_counter

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

import clock
import settings
import telemetry
from actions.webhooks.notices import record_notice, record_poison
from actions.webhooks.rejections import rejections
from domain.webhook import WebhookOutcome
from gateways.livekit_webhooks import (
    MAX_BODY_BYTES,
    BadSignatureError,
    MalformedError,
    check_digest,
    signed_digest,
    translate,
)

logger = logging.getLogger("halaqa.webhooks")

REJECTED, NOT_STORED = "REJECTED", "NOT_STORED"  # beside the outcomes of what was taken


async def receive(request: Request) -> Response:
    """POST /webhooks/livekit."""
    return await answer(request, settings.current().webhook_keys(), clock.now())


async def answer(request: Request, keys: Mapping[str, str], now: datetime) -> Response:
    """200 stored, for good; 401 not signed by one of `keys` (secret by key); 503 not stored."""
    began = perf_counter()
    try:
        claimed = signed_digest(request.headers.get("authorization"), keys, now)
        body, digest = await _read(request)
        check_digest(claimed, digest)
    except BadSignatureError:
        rejections.count(now)
        telemetry.count_webhook(REJECTED, perf_counter() - began)
        return Response(status_code=401)
    except ClientDisconnect:
        return Response(status_code=400)  # nobody is left to read it
    outcome = await _outcome(body, digest, now)
    telemetry.count_webhook(outcome or NOT_STORED, perf_counter() - began)
    return Response(status_code=200 if outcome else 503)


async def _read(request: Request) -> tuple[bytes, bytes]:
    """The body, cut off where it is known to be too large, and the SHA-256 of all of it."""
    kept, digest = bytearray(), hashlib.sha256()
    async for chunk in request.stream():
        digest.update(chunk)
        kept += chunk[: MAX_BODY_BYTES + 1 - len(kept)]
    return bytes(kept), digest.digest()


async def _outcome(body: bytes, digest: bytes, now: datetime) -> WebhookOutcome | None:
    """What became of it; None where it could not be stored."""
    try:
        return await _store(body, digest, now)
    except Exception:
        # Even what can never be stored blocks its room's queue for five attempts only.
        logger.exception("webhook not stored")
        return None


async def _store(body: bytes, digest: bytes, now: datetime) -> WebhookOutcome:
    try:
        notice = translate(body)
    except MalformedError as error:
        return await record_poison(f"sha256:{digest.hex()}", error.reason, now)
    return await record_notice(notice, now)
