"""Whether LiveKit's webhooks arrive, and what became of them."""

from datetime import datetime, timedelta

from domain.attendance.fold import EventKind, EventSource, Presence
from domain.attendance.state import from_ms, to_ms
from domain.system import WebhookStatus
from models import MeetingAttendance, MeetingAttendanceEvent, WebhookReceipt
from models.database import sql

HOUR = timedelta(hours=1)
LINES = """
SELECT count(*) AS number FROM meeting_attendance_events WHERE source = $1 AND received_ms > $2
"""
RECEIPTS = """
SELECT count(CASE WHEN outcome <> 'DUPLICATE' THEN 1 END) AS number,
count(CASE WHEN outcome = 'POISON' THEN 1 END) AS poison
FROM webhook_receipts WHERE received_at > $1
"""
CONCLUDED = """
SELECT max(received_ms) AS at FROM meeting_attendance_events
WHERE source = $1 AND kind IN ($2, $3) AND received_ms > $4
"""
LOOKED = (EventSource.RECONCILER.value, EventKind.SEEN.value, EventKind.NOT_SEEN.value)


async def read_webhook_status(now: datetime, rejected: int) -> WebhookStatus:
    """`rejected`: how many came unsigned in the last hour, also those not written down yet."""
    (lines,) = await sql.query(LINES, EventSource.WEBHOOK.value, to_ms(now - HOUR))
    (receipts,) = await sql.query(RECEIPTS, now - HOUR)
    last_received_at = await _last_received_at()
    return WebhookStatus(
        last_received_at=last_received_at,
        received_last_hour=lines["number"] + receipts["number"],
        rejected_last_hour=rejected,
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
