"""Gives a session another time."""

from datetime import datetime

from actions.attendance.folding import advance_if_due
from actions.sessions.session_schedule import check_times, times
from actions.writing.draft import Draft
from actions.writing.meeting import forget_room, look_ahead, move_meeting
from actions.writing.moves import Because, advance, let_go, move_to
from actions.writing.roster import fill
from actions.writing.stream import writing
from domain.access import Permit, Viewer
from domain.errors import WrongStatusError
from domain.event import SessionEventKind
from domain.status import SessionStatus, TransitionCause
from models import Session


async def reschedule_session(
    viewer: Viewer, session_id: int, scheduled_at: datetime, minutes: int | None, now: datetime
) -> Session:
    """Another time, for a session that has not begun. READY goes back to SCHEDULED."""
    await Session.fetch_for(viewer, session_id, Permit.MANAGE)
    async with writing(session_id, now) as draft:
        await advance_if_due(draft)
        _check_not_begun(draft.session)
        await _move_times(draft, scheduled_at, minutes, viewer.user_id)
        advance(draft)
        look_ahead(draft)
    return draft.session


def _check_not_begun(session: Session) -> None:
    if not session.status.is_ahead:
        raise WrongStatusError(f"A session that is {session.status} cannot be rescheduled.")


async def _move_times(
    draft: Draft, scheduled_at: datetime, minutes: int | None, actor_id: int
) -> None:
    session = draft.session
    minutes = session.duration_minutes if minutes is None else minutes
    settings = session.academy.video_settings
    check_times(scheduled_at, minutes, settings, draft.now)
    if session.status is SessionStatus.READY:
        move_to(draft, SessionStatus.SCHEDULED, Because(TransitionCause.PERSON, actor_id))
        let_go(draft, actor_id)
        draft.change(opened_at=None)
        forget_room(draft)
    if session.academy.is_active:
        draft.change(closed_from=None)
    draft.change(
        scheduled_at=scheduled_at,
        duration_minutes=minutes,
        **times(scheduled_at, minutes, settings),
    )
    await move_meeting(draft)
    told = {"scheduled_at": scheduled_at.isoformat(), "duration_minutes": minutes}
    draft.append(SessionEventKind.RESCHEDULED, told, actor_id)
    await fill(draft)
