"""Does at once, for an operator, what the clock would do, and counts it."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from actions.attendance.folding import advance_if_due
from actions.writing.meeting import ahead_at, make_ahead
from actions.writing.stream import writing
from domain.status import SessionStatus, due_moves
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

    @contextmanager
    def counting_failure(self, session: Session) -> Iterator[None]:
        """Log and count what fails in the block, so that the next session gets its turn."""
        try:
            yield
        except Exception as error:
            logger.warning("not set right", exc_info=True, extra={"session": session.id})
            self.failed += 1
            self.lines.append((session.id, f"failed: {type(error).__name__}"))


async def update_statuses(
    now: datetime, which: SessionFilter = ALL_SESSIONS, *, is_dry: bool = False
) -> Done:
    """Make every move that is due, also of sessions that are parked."""
    done = Done()
    for session in await which.rows().filter(next_transition_at__lte=now).order_by("id"):
        done.checked += 1
        if is_dry:
            moves, _ = due_moves(session.timeline, now)
            line = f"{session.status} to {moves[-1]}" if moves else "nothing"
            done.lines.append((session.id, line))
            continue
        with done.counting_failure(session):
            async with writing(session.id, now) as draft:
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
        if ahead_at(session) > now:
            continue
        done.checked += 1
        if is_dry:
            done.lines.append((session.id, "would be made"))
            continue
        with done.counting_failure(session):
            await make_ahead(session.id, now)
            done.note(session, (await Session.get(id=session.id)).room_name)
    return done
