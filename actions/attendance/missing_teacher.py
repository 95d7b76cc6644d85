"""Tells, once a session, that its teacher has not come."""

from datetime import datetime

from actions.attendance.folding import advance_if_due
from actions.writing.stream import writing
from domain.event import SessionEventKind
from domain.status import SessionStatus
from models import Session, SessionEvent
from models.reading.stuck import read_signs


async def tell_missing_teacher(session_id: int, now: datetime) -> None:
    """Append TEACHER_MISSING if the teacher is missing now and no event says so. Safe to repeat.

    A clock that comes late tells nothing of a teacher who came meanwhile.
    """
    if await _has_teacher(session_id):
        return  # nearly always so, and no lock is needed to know it
    async with writing(session_id, now) as draft:
        await advance_if_due(draft)
        if not _is_time(draft.session, now) or await _has_teacher(session_id):
            return
        kind = SessionEventKind.TEACHER_MISSING
        if not await SessionEvent.exists(session_id=session_id, kind=kind):
            draft.append(kind, {"teacher_id": draft.session.teacher_id})


def _is_time(session: Session, now: datetime) -> bool:
    is_on = session.status is SessionStatus.ONGOING
    return is_on and session.teacher_due_at <= now < session.ends_at


async def _has_teacher(session_id: int) -> bool:
    return (await read_signs([session_id]))[session_id].has_teacher
