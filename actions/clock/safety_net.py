"""Finds sessions whose meeting or result is missing without due work for it, and gets it made."""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from actions.clock.failures import counting_failure
from actions.writing.draft import Draft
from actions.writing.meeting import make_due_meeting
from actions.writing.stream import trying
from domain.session import WorkKind
from domain.status import SessionStatus
from models import Session
from models.database import sql
from models.database.fields import utc
from models.reading.session_filter import ALL_SESSIONS, SessionFilter

logger = logging.getLogger("halaqa.clock")

FORGOTTEN_AFTER = timedelta(seconds=60)

FORGOTTEN = """
SELECT id FROM sessions s
WHERE status IN ('READY', 'ONGOING') AND meeting_id IS NULL AND opened_at <= $1
AND NOT EXISTS (SELECT 1 FROM due_work WHERE kind = 'MAKE_MEETING' AND subject = s.id)
UNION ALL SELECT id FROM sessions s
WHERE status = 'COMPLETED' AND finalised_at IS NULL AND ended_at <= $1
AND NOT EXISTS (SELECT 1 FROM due_work WHERE kind = 'FINALISE_ATTENDANCE' AND subject = s.id)
"""


@dataclass(slots=True)
class Caught:
    """Counts sessions: checked, given a meeting, to be finalised, failed."""

    checked: int = 0
    made: int = 0
    finalised: int = 0
    failed: int = 0

    def fail(self, session: Session, error: Exception) -> None:
        extra = {"session": session.id}
        logger.warning("forgotten work not planned", exc_info=error, extra=extra)
        self.failed += 1


async def catch_forgotten(
    now: datetime, which: SessionFilter = ALL_SESSIONS, *, is_dry: bool = False
) -> Caught:
    """Make the missing meetings that the gate allows, and add work for the missing results.

    Costs one statement where nothing is amiss.
    """
    caught = Caught()
    ids = [row["id"] for row in await sql.query(FORGOTTEN, now - FORGOTTEN_AFTER)]
    sessions = which.rows().filter(id__in=ids).order_by("id")
    for session in await sessions if ids else []:
        if session.meeting_refusal is not None and not session.status.is_over:
            # The refusal stands: it is retried later, or time alone does not lift it.
            retry_at = session.meeting_refusal.get("retryAt")
            if retry_at is None or utc(retry_at) > now:
                continue
        caught.checked += 1
        with counting_failure(caught, session):
            async with trying(session.id, now, is_trial=is_dry) as draft:
                is_added = _add_final_work(draft)
                make_due_meeting(draft)
            caught.finalised += is_added
            session = draft.session
            caught.made += session.status.is_live and session.meeting_id is not None
    return caught


def _add_final_work(draft: Draft) -> bool:
    """Have the result of a session that has ended calculated, unless it is there by now."""
    session = draft.session
    is_open = session.status is SessionStatus.COMPLETED and session.finalised_at is None
    if is_open:
        draft.add_work(WorkKind.FINALISE_ATTENDANCE, draft.now)
    return is_open
