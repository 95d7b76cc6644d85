"""Plans again, or does, what should have been done and nobody has planned any more."""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from actions.writing.meeting import make_ahead
from actions.writing.stream import writing
from domain.session import WorkKind
from domain.status import SessionStatus
from models import Session
from models.database import sql
from models.database.fields import utc
from models.reading.session_filter import ALL_SESSIONS, SessionFilter

logger = logging.getLogger("halaqa.clock")

GIVEN_UP = timedelta(seconds=60)

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
    """How many sessions were looked at, got a meeting, are to be finalised; how many failed."""

    checked: int = 0
    made: int = 0
    finalised: int = 0
    failed: int = 0


async def catch_forgotten(
    now: datetime, which: SessionFilter = ALL_SESSIONS, *, is_dry: bool = False
) -> Caught:
    """Live sessions without a meeting get theirs if the gate lets it; those over without a result
    have it calculated. One statement where nothing is amiss."""
    done = Caught()
    rows = await sql.query(FORGOTTEN, now - GIVEN_UP)
    if not rows:
        return done
    sessions = which.rows().filter(id__in=[row["id"] for row in rows]).order_by("id")
    for session in await sessions:
        if _is_due(session, now):
            done.checked += 1
            if not is_dry:
                await _try(session, done, now)
    return done


def _is_due(session: Session, now: datetime) -> bool:
    """Not what was refused and will be asked for again, or what time alone does not allow."""
    if session.meeting_refusal is None or session.status.is_over:
        return True
    retry_at = session.meeting_refusal.get("retryAt")
    return retry_at is not None and utc(retry_at) <= now


async def _try(session: Session, done: Caught, now: datetime) -> None:
    try:
        if session.status is SessionStatus.COMPLETED:
            done.finalised += await _plan_result(session.id, now)
            return
        await make_ahead(session.id, now)
        done.made += await Session.exists(id=session.id, meeting_id__isnull=False)
    except Exception:
        logger.warning("forgotten work not planned", exc_info=True, extra={"session": session.id})
        done.failed += 1


async def _plan_result(session_id: int, now: datetime) -> bool:
    async with writing(session_id, now) as draft:
        is_open = draft.session.finalised_at is None
        if is_open:
            draft.plan(WorkKind.FINALISE_ATTENDANCE, now)
    return is_open
