"""The system's state as a stream: told when it changes, and now and then."""

from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from domain.access import Audience, Permit, Viewer
from domain.system import SystemState
from schema.types.system import SystemStatus
from subscriptions.process import Info
from subscriptions.right import Footing

AT_LEAST_EVERY = timedelta(seconds=10)
NEVER = datetime.min.replace(tzinfo=UTC)


async def system_status(info: Info) -> AsyncGenerator[SystemStatus, None]:
    """The state now; again when it changes, and every 10 s."""
    process = info.context.services
    sent: SystemState | None = None
    async with (
        process.watchers.holding(info.context, _admit) as right,
        process.system.watching() as watch,
    ):
        audience = await right.begin()
        async for state in watch.states(right.lost):
            await right.confirm()
            if sent is None or _is_news(sent, state):
                sent = state
                yield watch.told(state, is_detailed=audience is Audience.STAFF)
        await right.confirm()


async def _admit(viewer: Viewer, now: datetime) -> Footing:
    """Anybody signed in; the details are for some."""
    is_detailed = viewer.may(Permit.SEE_DETAIL)
    return Footing(Audience.STAFF if is_detailed else Audience.PARTICIPANT)


def _is_news(sent: SystemState, state: SystemState) -> bool:
    if state.as_of - sent.as_of >= AT_LEAST_EVERY:
        return True
    return _still(sent) != _still(state)


def _still(state: SystemState) -> SystemState:
    """Without what moves all the time."""
    quiet = replace(state.clock, last_beat_at=None, skew_ms=0)
    return replace(state, as_of=NEVER, clock=quiet)
