"""Keeps a receipt of each webhook that is no line of an attendance log, with its outcome."""

from datetime import datetime, timedelta

from actions.webhooks.rejections import rejections
from domain.attendance.state import from_ms
from domain.rooms import user_number
from domain.webhook import WebhookOutcome
from gateways.livekit_webhooks import Notice
from models.database import sql

KEPT_FOR = timedelta(days=30)
DELETE_BATCH_SIZE = 5000

# A duplicate's receipt takes the time of its last copy; any other receipt stays as it came first.
INSERT_RECEIPT = """
INSERT INTO webhook_receipts (
    id, kind, room_name, session_id, user_id,
    participant_sid, outcome, detail, occurred_at, received_at
) VALUES (
    $1, $2, $3, (SELECT id FROM sessions WHERE room_name = $4),
    (SELECT users.id FROM users JOIN sessions ON room_name = $4
     WHERE users.id = $5 AND (users.academy_id = sessions.academy_id OR users.academy_id IS NULL)),
    $6, $7, $8, $9, $10
) ON CONFLICT (id) DO UPDATE SET received_at = excluded.received_at
WHERE webhook_receipts.outcome = 'DUPLICATE'
"""


async def keep_receipt(
    notice: Notice, outcome: WebhookOutcome, detail: str, now: datetime
) -> WebhookOutcome:
    """Keep a receipt and return its outcome, or DUPLICATE if the notice has a receipt already."""
    if await _write(notice.id, notice, outcome, detail, now):
        return outcome
    return await keep_duplicate(notice, now)


async def keep_duplicate(notice: Notice, now: datetime) -> WebhookOutcome:
    """Keep one receipt for all later copies of a notice, with the time of the last one."""
    outcome = WebhookOutcome.DUPLICATE
    await _write(f"again:{notice.id}", notice, outcome, "was there already", now)
    return outcome


async def _write(
    receipt_id: str, notice: Notice, outcome: WebhookOutcome, detail: str, now: datetime
) -> bool:
    return bool(
        await sql.execute(
            INSERT_RECEIPT,
            receipt_id,
            notice.event,
            notice.room_name,
            notice.room_name,
            user_number(notice.identity or ""),
            notice.participant_sid,
            outcome.value,
            detail,
            from_ms(notice.created_ms),
            now,
        )
    )


DELETE_OLD_RECEIPTS = """
DELETE FROM webhook_receipts WHERE id IN (
    SELECT id FROM webhook_receipts WHERE received_at < $1 ORDER BY received_at LIMIT $2
)
"""


async def forget_old(now: datetime) -> None:
    """Delete receipts after a month, in batches so that no other writer waits long."""
    deleted = DELETE_BATCH_SIZE
    while deleted == DELETE_BATCH_SIZE:
        deleted = await sql.execute(DELETE_OLD_RECEIPTS, now - KEPT_FOR, DELETE_BATCH_SIZE)
    await rejections.forget_old(now)
