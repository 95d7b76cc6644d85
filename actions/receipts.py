"""What became of each webhook that is no line of an attendance log; and whether any arrive."""

from datetime import datetime, timedelta

from actions.rejections import rejections
from domain.attendance import EventKind, EventSource, Presence
from domain.presence import from_ms, to_ms
from domain.rooms import user_number
from domain.system import WebhookStatus
from domain.webhook import WebhookOutcome
from gateways.livekit_webhooks import Notice
from models import MeetingAttendance, MeetingAttendanceEvent, WebhookReceipt, sql

KEPT_FOR = timedelta(days=30)
FORGOTTEN_AT_ONCE = 5000
HOUR = timedelta(hours=1)

# What comes again is written again, so that its time moves; anything else stays as it came first.
KEEP = """
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


async def keep(
    notice: Notice, outcome: WebhookOutcome, detail: str, now: datetime
) -> WebhookOutcome:
    """A receipt of what is no line; DUPLICATE where there is one of it already."""
    if await _write(notice.id, notice, outcome, detail, now):
        return outcome
    return await keep_again(notice, now)


async def keep_again(notice: Notice, now: datetime) -> WebhookOutcome:
    """It came before: one receipt says so, with the last time, however often it comes."""
    outcome = WebhookOutcome.DUPLICATE
    await _write(f"again:{notice.id}", notice, outcome, "was there already", now)
    return outcome


async def _write(
    receipt_id: str, notice: Notice, outcome: WebhookOutcome, detail: str, now: datetime
) -> bool:
    return bool(
        await sql.execute(
            KEEP,
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


FORGET = """
DELETE FROM webhook_receipts WHERE id IN (
    SELECT id FROM webhook_receipts WHERE received_at < $1 ORDER BY received_at LIMIT $2
)
"""


async def forget_old(now: datetime) -> None:
    """Receipts are news for a month. In pieces: nobody waits long for one."""
    while await sql.execute(FORGET, now - KEPT_FOR, FORGOTTEN_AT_ONCE) == FORGOTTEN_AT_ONCE:
        pass
    await rejections.forget_old(now)


LINES = """
SELECT count(*) AS number FROM meeting_attendance_events WHERE source = $1 AND received_ms > $2
"""
RECEIPTS = """
SELECT count(CASE WHEN outcome <> 'DUPLICATE' THEN 1 END) AS number,
count(CASE WHEN outcome = 'POISON' THEN 1 END) AS poison
FROM webhook_receipts WHERE received_at > $1
"""


async def status(now: datetime) -> WebhookStatus:
    (lines,) = await sql.query(LINES, EventSource.WEBHOOK.value, to_ms(now - HOUR))
    (receipts,) = await sql.query(RECEIPTS, now - HOUR)
    last_received_at = await _last_received_at()
    return WebhookStatus(
        last_received_at=last_received_at,
        received_last_hour=lines["number"] + receipts["number"],
        rejected_last_hour=await rejections.since(now - HOUR),
        poison_last_hour=receipts["poison"],
        is_silent=await _is_silent(last_received_at, now),
    )


async def _last_received_at() -> datetime | None:
    line = await MeetingAttendanceEvent.filter(source=EventSource.WEBHOOK).order_by("-id").first()
    receipt = await WebhookReceipt.all().order_by("-received_at").first()
    moments = [
        from_ms(line.received_ms) if line else None,
        receipt.received_at if receipt else None,
    ]
    return max((moment for moment in moments if moment), default=None)


CONCLUDED = """
SELECT max(received_ms) AS at FROM meeting_attendance_events
WHERE source = $1 AND kind IN ($2, $3) AND received_ms > $4
"""
LOOKED = (EventSource.RECONCILER.value, EventKind.SEEN.value, EventKind.NOT_SEEN.value)


async def _is_silent(last_received_at: datetime | None, now: datetime) -> bool:
    """Since the last webhook a look at the rooms found who had come or gone without one.

    Told as long as somebody is in a room, and for an hour after what was found.
    """
    after = to_ms(last_received_at) if last_received_at else 0
    (found,) = await sql.query(CONCLUDED, *LOOKED, after)
    if found["at"] is None:
        return False
    is_fresh = from_ms(found["at"]) > now - HOUR
    return is_fresh or await MeetingAttendance.exists(presence=Presence.IN_MEETING)
