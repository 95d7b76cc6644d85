"""Makes attendance final once a session is over, and moves the session by the result."""

from datetime import datetime

from actions.attendance.away import append_away
from actions.attendance.folding import refold
from actions.writing.draft import Draft
from actions.writing.moves import Because, move_to
from actions.writing.stream import writing
from domain.attendance.fold import AttendanceStatus
from domain.attendance.state import AttendanceState
from domain.session import SessionFormat
from domain.status import SessionStatus, TransitionCause
from models.reading.attendance_log import facts_of


async def finalise_attendance(session_id: int, now: datetime) -> None:
    """Make attendance final, once: each expected person gets a status. Safe to repeat."""
    async with writing(session_id, now) as draft:
        session = draft.session
        if session.status is not SessionStatus.COMPLETED or session.finalised_at is not None:
            return
        await append_away(draft)
        draft.change(finalised_at=now)
        move_by_attendance(draft, await refold(draft))


def move_by_attendance(draft: Draft, states: list[AttendanceState]) -> None:
    """Move a final individual session to ABSENT if its student never came but could have come.

    Move it back to COMPLETED when later lines or an override say otherwise.
    """
    session = draft.session
    if session.finalised_at is None or session.format is not SessionFormat.INDIVIDUAL:
        return
    took_place = facts_of(session, is_expected=True).took_place
    for state in states:
        if state.user_id == session.student_id:
            is_absent = state.result.status is AttendanceStatus.ABSENT and not state.has_joined
            is_absent = is_absent and took_place  # an override may say it of any session
            to = SessionStatus.ABSENT if is_absent else SessionStatus.COMPLETED
            if session.status is not to:
                move_to(draft, to, Because(TransitionCause.ATTENDANCE))
