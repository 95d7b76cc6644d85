"""The system's state as a stream: told when it changes, and every 10 s."""

from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from domain.access import Audience, Permit, Viewer
from domain.system import SystemState
from schema.types.system import SystemStatus
from subscriptions.right import Footing
from subscriptions.stream_services import Info

TELL_EVERY = timedelta(seconds=10)
LONG_AGO = datetime.min.replace(tzinfo=UTC)


async def system_status(info: Info) -> AsyncGenerator[SystemStatus, None]:
    """Yield the state now; again when it changes, and every 10 s."""
    services = info.context.services
    sent: SystemState | None = None
    async with (
        services.watchers.holding(info.context, _authorise) as right,
        services.system.watching() as watch,
    ):
        audience = await right.start()
        async for state in watch.states(right.lost):
            await right.confirm()
            is_news = sent is None or _without_motion(sent) != _without_motion(state)
            if is_news or (sent and state.as_of - sent.as_of >= TELL_EVERY):
                sent = state
                yield watch.status_of(state, is_detailed=audience is Audience.STAFF)
        await right.confirm()


async def _authorise(viewer: Viewer, now: datetime) -> Footing:
    """Accept everybody who is signed in; the details are for operators."""
    is_detailed = viewer.may(Permit.SEE_DETAIL)
    return Footing(Audience.STAFF if is_detailed else Audience.PARTICIPANT)


def _without_motion(state: SystemState) -> SystemState:
    """Drop the values that change all the time."""
    quiet = replace(state.clock, last_beat_at=None, skew_ms=0)
    return replace(state, as_of=LONG_AGO, clock=quiet)
