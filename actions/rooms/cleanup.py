"""Cleans up meetings that outlived their time: completes their sessions, closes their rooms."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

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

STAYS_OPEN_FOR = timedelta(hours=2)  # after a session's end, whatever its academy's settings
TIDY_EVERY = timedelta(seconds=60)


@dataclass(slots=True)
class Cleaned:
    """Counts of a clean-up. `is_silent`: LiveKit did not say which rooms it has."""

    ended: int = 0
    failed: int = 0
    is_silent: bool = False
    expired: list[Session] = field(default_factory=list)

    @property
    def checked(self) -> int:
        return len(self.expired)

    @contextmanager
    def counting_failure(self, session: Session) -> Iterator[None]:
        """Log and count what fails in the block, so that the next session gets its turn."""
        try:
            yield
        except Exception:
            logger.warning("meeting not cleaned up", exc_info=True, extra={"session": session.id})
            self.failed += 1


async def tidy(livekit: LiveKit, now: datetime) -> None:
    """Run the safety net and the clean-up, unless a process did so within `TIDY_EVERY`."""
    if await take_lease("tidy", now, TIDY_EVERY):
        await catch_forgotten(now)
        await clean_up(livekit, now)


async def clean_up(
    livekit: LiveKit, now: datetime, which: SessionFilter = ALL_SESSIONS, *, is_dry: bool = False
) -> Cleaned:
    """Complete overdue sessions as the clock would, and close the rooms of sessions that are over.

    A room closes at once where the academy has it end with the session, else after two hours.
    """
    cleaned = Cleaned()
    overdue = which.rows().filter(next_transition_at__lte=now, completes_at__lte=now)
    for session in await overdue.order_by("id"):
        cleaned.expired.append(session)
        if is_dry:
            continue
        with cleaned.counting_failure(session):
            async with writing(session.id, now) as draft:
                await advance_if_due(draft)
            # False where the academy lets people stay longer, and they do.
            cleaned.ended += draft.session.status.is_over
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
        cleaned.expired.append(session)
        if is_dry:
            continue
        with cleaned.counting_failure(session):
            await delete_room(livekit, session.id, now)
            cleaned.ended += 1
    return cleaned
