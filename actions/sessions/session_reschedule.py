"""Gives a session another time."""

from datetime import datetime

from actions.attendance.folding import advance_if_due, refold
from actions.sessions.conflicts import find_clashes, lock_refusing, refuse_conflicts
from actions.sessions.session_schedule import check_times, compute_dates
from actions.writing.bulk import retried_if_raced
from actions.writing.meeting import forget_room, make_meeting_in_time, reschedule_meeting
from actions.writing.moves import Because, advance, let_go, move_to
from actions.writing.roster import fill
from actions.writing.stream import lock_for, write
from domain.access import Permit, Viewer
from domain.errors import WrongStatusError
from domain.event import SessionEventKind
from domain.status import SessionStatus, TransitionCause
from models import Session
from models.database.atomic import atomic


@retried_if_raced
async def reschedule_session(
    viewer: Viewer, session_id: int, scheduled_at: datetime, minutes: int | None, now: datetime
) -> Session:
    """Move a session until its scheduled start, and change its length if `minutes` are given.

    A READY or ONGOING session goes back to SCHEDULED, and its room is deleted: whoever was there
    did not come to the session that it is now.
    """
    row = await Session.fetch_for(viewer, session_id, Permit.MANAGE)
    async with atomic() as tx:
        refusing = await lock_refusing(viewer, {row.academy_id})
        draft = await lock_for(viewer, session_id, Permit.MANAGE, now)
        await advance_if_due(draft)
        session = draft.session
        if session.status.is_over:
            raise WrongStatusError(f"A session that is {session.status} cannot be rescheduled.")
        before = await find_clashes(session) if refusing else set()
        is_longer_only = scheduled_at == session.scheduled_at and minutes is not None
        if session.status.is_live:
            because = Because(TransitionCause.PERSON, viewer.user_id)
            move_to(draft, SessionStatus.SCHEDULED, because)
            let_go(draft, viewer.user_id)
            draft.change(opened_at=None, started_at=None, put_back_at=now)
            forget_room(draft)
        minutes = session.duration_minutes if minutes is None else minutes
        settings = session.academy.video_settings
        check_times(scheduled_at, minutes, settings, now)
        if session.academy.is_active:
            draft.change(closed_from=None)
        dates = compute_dates(scheduled_at, minutes, settings)
        draft.change(scheduled_at=scheduled_at, duration_minutes=minutes, **dates)
        await reschedule_meeting(draft)
        payload = {"scheduled_at": scheduled_at.isoformat(), "duration_minutes": minutes}
        draft.append(SessionEventKind.RESCHEDULED, payload, viewer.user_id)
        await fill(draft)
        advance(draft)
        make_meeting_in_time(draft)
        if session.put_back_at is not None:
            await refold(draft)
        await write(tx, [draft], now)
        if refusing:
            field = "durationMinutes" if is_longer_only else "scheduledAt"
            await refuse_conflicts(viewer, session, before, field)
    return session
