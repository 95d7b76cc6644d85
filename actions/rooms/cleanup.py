"""Cleans up meetings that outlived their time: completes their sessions, closes their rooms."""

import logging
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from actions.attendance.folding import advance_if_due
from actions.clock.failures import counting_failure
from actions.clock.safety_net import catch_forgotten
from actions.rooms.room import delete_room
from actions.writing.leases import take_lease
from actions.writing.stream import trying
from domain.errors import LiveKitUnavailableError
from domain.status import OVER
from gateways.livekit import LiveKit
from models import Session
from models.reading.session_filter import ALL_SESSIONS, SessionFilter

logger = logging.getLogger("halaqa.clock")

STAYS_OPEN_FOR = timedelta(hours=2)  # after a session's end, whatever its academy's settings
TIDY_EVERY = timedelta(seconds=60)


@dataclass(slots=True)
class Cleaned:
    """Sessions of a clean-up, by id, each once, also where it is completed and its room closed.

    `is_silent`: LiveKit did not say which rooms it has.
    """

    expired: dict[int, Session] = field(default_factory=dict)
    ended: set[int] = field(default_factory=set)
    failed: set[int] = field(default_factory=set)
    is_silent: bool = False

    def fail(self, session: Session, error: Exception) -> None:
        logger.warning("meeting not cleaned up", exc_info=error, extra={"session": session.id})
        self.failed.add(session.id)
        self.ended.discard(session.id)


async def tidy(livekit: LiveKit, now: datetime) -> None:
    """Run the safety net and the clean-up, unless a process did so within `TIDY_EVERY`."""
    if await take_lease("tidy", now, TIDY_EVERY):
        await catch_forgotten(now)
        await clean_up(livekit, now)


async def clean_up(
    livekit: LiveKit, now: datetime, which: SessionFilter = ALL_SESSIONS, *, is_dry: bool = False
) -> Cleaned:
    """Complete overdue sessions as the clock would, and close the rooms of sessions that are over.

    A room closes at once where the academy has it end with the session, else after two hours. A
    dry run stores nothing and closes nothing, and counts the same.
    """
    cleaned = Cleaned()
    overdue = which.rows().filter(next_transition_at__lte=now, completes_at__lte=now)
    for session in await overdue.order_by("id"):
        cleaned.expired.setdefault(session.id, session)
        with counting_failure(cleaned, session):
            async with trying(session.id, now, is_trial=is_dry) as draft:
                await advance_if_due(draft)
            # Some are not over: their academy lets people stay longer, and people are inside.
            if draft.session.status.is_over:
                cleaned.ended.add(session.id)
    try:
        names = list(await livekit.list_rooms())
    except LiveKitUnavailableError:
        cleaned.is_silent = True
        return cleaned
    over = which.rows().filter(status__in=OVER)
    with_room = over.filter(room_name__in=names, meeting_ended_at__isnull=False)
    left_open = over.filter(
        meeting_id__isnull=False, meeting_ended_at__isnull=True, ends_at__lte=now - STAYS_OPEN_FOR
    )
    # Not sorted by the database: SQLite would walk the whole table in that order.
    for session in sorted([*await with_room, *await left_open], key=lambda row: row.id):
        cleaned.expired.setdefault(session.id, session)
        with counting_failure(cleaned, session):
            if not is_dry:
                await delete_room(livekit, session.id, now)
            cleaned.ended.add(session.id)
    return cleaned
