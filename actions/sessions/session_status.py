"""Moves a session to another status when a person asks."""

from datetime import datetime

from actions.attendance.folding import advance_if_due, close_stays, count_anew
from actions.writing.draft import Draft
from actions.writing.moves import Because, move_to
from actions.writing.stream import managing
from domain.access import Permit, Viewer
from domain.errors import WrongStatusError
from domain.status import SessionStatus, TransitionCause
from domain.text import cleaned
from models import Session

REASON_MAX_CHARS = 2000


async def change_session_status(
    viewer: Viewer, session_id: int, to: SessionStatus, reason: str | None, now: datetime
) -> Session:
    """Move the session at once, with all effects that a move by the clock has."""
    async with managing(viewer, session_id, now, Permit.SCHEDULE) as draft:
        if to in (SessionStatus.SCHEDULED, SessionStatus.ABSENT):
            raise WrongStatusError(f"{to} follows from the schedule and the attendance.", ("to",))
        await move_by_person(draft, to, because_of(viewer, reason))
    return draft.session


def because_of(viewer: Viewer, reason: str | None) -> Because:
    if reason is not None:
        reason = cleaned(reason, REASON_MAX_CHARS, "reason", shortest=0) or None
    runs_academy = viewer.runs_academy or viewer.is_super_admin
    return Because(TransitionCause.PERSON, viewer.user_id, reason, runs_academy)


async def move_by_person(draft: Draft, to: SessionStatus, because: Because) -> None:
    await advance_if_due(draft)
    if draft.session.status is SessionStatus.ABSENT:
        raise WrongStatusError("ABSENT follows from the attendance, and ends with it.", ("to",))
    if draft.session.status is to:
        raise WrongStatusError(f"The session is {to} already.")
    move_to(draft, to, because)
    if to is SessionStatus.CANCELLED:
        draft.change(cancellation_reason=because.reason)
    await close_stays(draft)
    await count_anew(draft)
