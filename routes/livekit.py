"""LiveKit's door: verify the signature, translate the body, have it stored.

LiveKit sends again only what got a 5xx, five times at most. So 200 is said after the commit, and
to a body that would fail for ever; 503 to one that was not stored.
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
from actions.webhooks.door import door
from actions.webhooks.notices import record_notice, record_poison
from actions.webhooks.rejections import rejections
from gateways.livekit_webhooks import (
    MAX_BODY_BYTES,
    BadSignatureError,
    MalformedError,
    check_digest,
    signed_digest,
    translate,
)

logger = logging.getLogger("halaqa.webhooks")

REJECTED, NOT_STORED = "REJECTED", "NOT_STORED"  # beside the outcomes of stored webhooks


async def receive(
    request: Request, *, keys: Mapping[str, str] | None = None, now: datetime | None = None
) -> Response:
    """Answer POST /webhooks/livekit: 200 stored, 401 not signed by one of `keys`, 503 not stored.

    `keys` (secret by key) are the settings' and `now` is the clock's, unless they are given.
    """
    keys = settings.current().webhook_keys if keys is None else keys
    now = clock.now() if now is None else now
    started = perf_counter()
    body, sha256 = bytearray(), hashlib.sha256()
    try:
        claimed = signed_digest(request.headers.get("authorization"), keys, now)
        async for chunk in request.stream():
            sha256.update(chunk)
            body += chunk[: MAX_BODY_BYTES + 1 - len(body)]  # enough to see that it is too large
        check_digest(claimed, sha256.digest())
    except BadSignatureError:
        rejections.count(now)
        telemetry.count_webhook(REJECTED, perf_counter() - started)
        return Response(status_code=401)
    except ClientDisconnect:
        return Response(status_code=400)  # nobody is there to read it
    outcome = None
    try:
        try:
            notice = translate(bytes(body))
        except MalformedError as error:
            outcome = await record_poison(f"sha256:{sha256.hexdigest()}", error.reason, now)
        else:
            outcome = await record_notice(notice, now)
    except Exception:
        # Even a body that can never be stored blocks its room's queue for five attempts only.
        logger.exception("webhook not stored")
        door.refused(now)
    else:
        door.stored(now)
    telemetry.count_webhook(outcome or NOT_STORED, perf_counter() - started)
    return Response(status_code=200 if outcome else 503)
