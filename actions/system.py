"""Is the clock running, is anything late, do LiveKit's events arrive? Never a silent stop."""

from datetime import datetime

from actions import clock, receipts
from domain.errors import LiveKitUnavailableError
from domain.system import Component, SystemState
from gateways.bus import bell
from gateways.livekit import LiveKit
from gateways.queue import queue
from models.database import dialect


async def read(livekit: LiveKit, now: datetime) -> SystemState:
    return SystemState(
        as_of=now,
        clock=await clock.status(now),
        webhooks=await receipts.status(now),
        database=Component(True, dialect()),
        message_bus=_bus(),
        task_queue=await queue.health(),
        livekit=await _livekit(livekit),
    )


def _bus() -> Component:
    return bell.bus.health if bell.bus else Component(False, "not started")


async def _livekit(livekit: LiveKit) -> Component:
    try:
        await livekit.ping()
    except LiveKitUnavailableError as error:
        return Component(False, error.message)
    return Component(True, "answers")
