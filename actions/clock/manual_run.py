"""Does at once, for an operator, what the clock would do, and counts it."""

import logging
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from actions.attendance.folding import advance_if_due
from actions.clock.failures import counting_failure
from actions.writing.meeting import make_due_meeting
from actions.writing.stream import trying
from domain.status import SessionStatus
from models import Session
from models.reading.session_filter import ALL_SESSIONS, SessionFilter

logger = logging.getLogger("halaqa.operating")

LOOK_AHEAD_MAX = timedelta(hours=2)  # the longest that an academy may look ahead


@dataclass(slots=True)
class Done:
    """Counts sessions. `lines` say of each of them what was done, or would be."""

    checked: int = 0
    changed: int = 0
    failed: int = 0
    lines: list[tuple[int, str]] = field(default_factory=list)

    def note(self, session: Session, change: str | None) -> None:
        """Add the line of a session; `change` is None where it stayed as it was."""
        self.changed += change is not None
        self.lines.append((session.id, change or "as it was"))

    def fail(self, session: Session, error: Exception) -> None:
        logger.warning("not set right", exc_info=error, extra={"session": session.id})
        self.failed += 1
        self.lines.append((session.id, f"failed: {type(error).__name__}"))


async def update_statuses(
    now: datetime, which: SessionFilter = ALL_SESSIONS, *, is_dry: bool = False
) -> Done:
    """Make every move that is due, also of sessions that are parked.

    A dry run makes each of them and takes it back, so that it tells the same.
    """
    done = Done()
    for session in await which.rows().filter(next_transition_at__lte=now).order_by("id"):
        done.checked += 1
        with counting_failure(done, session):
            async with trying(session.id, now, is_trial=is_dry) as draft:
                await advance_if_due(draft)
            status = draft.session.status
            is_same = status is session.status
            done.note(session, None if is_same else f"{session.status} to {status}")
    return done


async def create_scheduled(
    now: datetime, which: SessionFilter = ALL_SESSIONS, *, is_dry: bool = False
) -> Done:
    """Make the meetings that are due ahead of time, of SCHEDULED sessions that are near enough."""
    done = Done()
    waiting = which.rows().filter(status=SessionStatus.SCHEDULED, meeting_id__isnull=True)
    near = waiting.filter(scheduled_at__lte=now + LOOK_AHEAD_MAX).order_by("id")
    for session in await near.select_related("academy__video_settings"):
        if session.academy.video_settings.link_at(session.scheduled_at) > now:
            continue
        done.checked += 1
        with counting_failure(done, session):
            async with trying(session.id, now, is_trial=is_dry) as draft:
                make_due_meeting(draft)
            done.note(session, draft.session.room_name)
    return done
