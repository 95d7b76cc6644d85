"""Meetings that outlived their time: their sessions are completed and their rooms closed."""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from actions.attendance.folding import advance_if_due
from actions.clock.safety_net import catch_forgotten
from actions.rooms.room import delete_room
from actions.writing.leases import take_lease
from actions.writing.stream import writing
from domain.errors import LiveKitUnavailableError
from domain.status import OVER
from gateways.livekit import LiveKit
from models import Session
from models.reading.session_filter import ALL_SESSIONS, SessionFilter

logger = logging.getLogger("halaqa.clock")

LONGEST = timedelta(hours=2)  # past a session's end, whatever its academy's settings
TIDY_EVERY = timedelta(seconds=60)


@dataclass(slots=True)
class Cleaned:
    """`is_silent`: LiveKit did not say which rooms there are. `expired`: what was looked at."""

    checked: int = 0
    ended: int = 0
    failed: int = 0
    is_silent: bool = False
    expired: list[Session] = field(default_factory=list)


async def tidy(livekit: LiveKit, now: datetime) -> None:
    """The slow round of whichever process is first: what got lost, and what outlived its time."""
    if await take_lease("tidy", now, TIDY_EVERY):
        await catch_forgotten(now)
        await clean_up(livekit, now)


async def clean_up(
    livekit: LiveKit, now: datetime, which: SessionFilter = ALL_SESSIONS, *, is_dry: bool = False
) -> Cleaned:
    """Sessions that should be over are completed, as the clock would; rooms of those that are over
    are closed: at once where the academy has them end with the session, else after two hours."""
    done = Cleaned()
    for session in await _unended(now, which):
        await _count(done, session, partial(_complete, session.id, now), is_dry=is_dry)
    try:
        names = list(await livekit.list_rooms())
    except LiveKitUnavailableError:
        done.is_silent = True
        return done
    for session in await _with_rooms(names, now, which):
        await _count(done, session, partial(_close, livekit, session.id, now), is_dry=is_dry)
    return done


async def _unended(now: datetime, which: SessionFilter) -> list[Session]:
    rows = which.rows().filter(next_transition_at__lte=now, completes_at__lte=now)
    return await rows.order_by("id")


async def _with_rooms(names: list[str], now: datetime, which: SessionFilter) -> list[Session]:
    """Those that are over while their room is not, or their meeting has not been said to be."""
    over = which.rows().filter(status__in=OVER)
    ended = over.filter(room_name__in=names, meeting_ended_at__isnull=False)
    left = over.filter(
        meeting_id__isnull=False, meeting_ended_at__isnull=True, ends_at__lte=now - LONGEST
    )
    # Not sorted by the database: SQLite would walk the whole table in that order.
    return sorted([*await ended, *await left], key=lambda session: session.id)


async def _count(
    done: Cleaned, session: Session, end: Callable[[], Awaitable[bool]], *, is_dry: bool
) -> None:
    done.checked += 1
    done.expired.append(session)
    if is_dry:
        return
    try:
        done.ended += await end()
    except Exception:
        logger.warning("meeting not cleaned up", exc_info=True, extra={"session": session.id})
        done.failed += 1


async def _close(livekit: LiveKit, session_id: int, now: datetime) -> bool:
    await delete_room(livekit, session_id, now)
    return True


async def _complete(session_id: int, now: datetime) -> bool:
    """Not where its academy lets people stay on, and they do."""
    async with writing(session_id, now) as draft:
        await advance_if_due(draft)
    return draft.session.status.is_over
