"""The state of LiveKit's webhooks: do they arrive, and how many were bad?"""

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
DELAYS = """
SELECT count(*) AS number, min(received_ms - occurred_ms) AS least FROM meeting_attendance_events
WHERE source = $1 AND received_ms > $2
"""
RECEIPTS = """
SELECT count(CASE WHEN outcome <> 'DUPLICATE' THEN 1 END) AS number,
count(CASE WHEN outcome = 'POISON' THEN 1 END) AS poison
FROM webhook_receipts WHERE received_at > $1
"""
FOUND_BY_RECONCILER = """
SELECT max(received_ms) AS at FROM meeting_attendance_events
WHERE source = $1 AND kind IN ($2, $3) AND received_ms > $4
"""
FOUND_VALUES = (EventSource.RECONCILER.value, EventKind.SEEN.value, EventKind.NOT_SEEN.value)


async def read_webhook_status(now: datetime, rejected: int) -> WebhookStatus:
    """Read the state; `rejected` is the number of unsigned requests in the last hour.

    The webhooks are silent when, since the last one, the reconciler found that somebody came or
    went. They count as silent for an hour after that, and longer while somebody is in a room.
    """
    (lines,) = await sql.query(LINES, EventSource.WEBHOOK.value, to_ms(now - HOUR))
    (receipts,) = await sql.query(RECEIPTS, now - HOUR)
    line = await MeetingAttendanceEvent.filter(source=EventSource.WEBHOOK).order_by("-id").first()
    receipt = await WebhookReceipt.all().order_by("-received_at").first()
    moments = [from_ms(line.received_ms)] if line else []
    moments += [receipt.received_at] if receipt else []
    last_received_at = max(moments, default=None)
    last_received_ms = to_ms(last_received_at) if last_received_at else 0
    (found,) = await sql.query(FOUND_BY_RECONCILER, *FOUND_VALUES, last_received_ms)
    is_silent = False
    if found["at"] is not None:
        is_fresh = from_ms(found["at"]) > now - HOUR
        is_silent = is_fresh or await MeetingAttendance.exists(presence=Presence.IN_MEETING)
    return WebhookStatus(
        last_received_at=last_received_at,
        received_last_hour=lines["number"] + receipts["number"],
        rejected_last_hour=rejected,
        poison_last_hour=receipts["poison"],
        is_silent=is_silent,
    )


async def read_delays(now: datetime) -> tuple[int, int | None]:
    """Count the lines of the last hour's webhooks, and find the least delay of one in ms: from
    LiveKit's time, cut off to a second, to ours. It is negative where LiveKit's clock is ahead."""
    (row,) = await sql.query(DELAYS, EventSource.WEBHOOK.value, to_ms(now - HOUR))
    return row["number"], row["least"]
