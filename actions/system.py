"""Is the clock running, is anything late, do LiveKit's events arrive? Never a silent stop."""

from datetime import datetime, timedelta

from actions import clock
from domain.attendance import EventSource
from domain.errors import LiveKitUnavailableError
from domain.presence import from_ms, to_ms
from domain.system import Component, SystemState, WebhookStatus
from domain.webhook import WebhookOutcome
from gateways.bus import bell
from gateways.livekit import LiveKit
from models import MeetingAttendanceEvent, WebhookReceipt, sql
from models.database import dialect


async def read(livekit: LiveKit, now: datetime) -> SystemState:
    return SystemState(
        as_of=now,
        clock=await clock.status(now),
        webhooks=await _webhooks(now),
        database=Component(True, dialect()),
        message_bus=_bus(),
        task_queue=Component(True, "in memory, in this process"),
        livekit=await _livekit(livekit),
    )


def _bus() -> Component:
    is_open = bell.bus is not None
    return Component(is_open, "in memory, in this process" if is_open else "not started")


async def _livekit(livekit: LiveKit) -> Component:
    try:
        await livekit.ping()
    except LiveKitUnavailableError as error:
        return Component(False, error.message)
    return Component(True, "answers")


LINES = """
SELECT count(*) AS number, max(received_ms) AS latest FROM meeting_attendance_events
WHERE source = $1 AND received_ms > $2
"""


async def _webhooks(now: datetime) -> WebhookStatus:
    hour_ago = now - timedelta(hours=1)
    (lines,) = await sql.query(LINES, EventSource.WEBHOOK.value, to_ms(hour_ago))
    receipts = WebhookReceipt.filter(received_at__gt=hour_ago)
    return WebhookStatus(
        last_received_at=await _last_received_at(),
        received_last_hour=lines["number"] + await receipts.count(),
        poison_last_hour=await receipts.filter(outcome=WebhookOutcome.POISON.value).count(),
    )


async def _last_received_at() -> datetime | None:
    line = await MeetingAttendanceEvent.filter(source=EventSource.WEBHOOK).order_by("-id").first()
    receipt = await WebhookReceipt.all().order_by("-received_at").first()
    moments = [
        from_ms(line.received_ms) if line else None,
        receipt.received_at if receipt else None,
    ]
    return max((moment for moment in moments if moment), default=None)
