"""Keeping a session open: it lives on although its teacher lost the connection, or it is time."""

from datetime import datetime, timedelta

from actions.attendance.folding import advance_if_due
from actions.writing.draft import Draft
from actions.writing.meeting import expiry_of
from actions.writing.moves import let_go
from actions.writing.stream import writing
from domain.access import Permit, Viewer
from domain.errors import InvalidInputError, WrongStatusError
from domain.event import SessionEventKind
from models import Session

LONGEST = 240  # minutes from now
LAST = timedelta(hours=4)  # after the scheduled end, however often it is asked for
AFTER_END = timedelta(minutes=30)  # where nobody says how long


async def keep_session_open(
    viewer: Viewer, session_id: int, minutes: int | None, now: datetime
) -> Session:
    """For so many minutes from now, or until half an hour after the scheduled end; never shorter
    than it would be open anyway, and never beyond four hours after that end. Only READY and
    ONGOING."""
    await Session.fetch_for(viewer, session_id, Permit.MANAGE)
    if minutes is not None and not 1 <= minutes <= LONGEST:
        raise InvalidInputError(f"A session is kept open 1 to {LONGEST} minutes.", ("minutes",))
    async with writing(session_id, now) as draft:
        await _check_live(draft)
        _keep(draft, _until(draft, minutes), viewer.user_id)
        _set_timers(draft)
    return draft.session


async def release_session(viewer: Viewer, session_id: int, now: datetime) -> Session:
    """It completes as planned; at once where that is past. One that nobody keeps stays as it is."""
    await Session.fetch_for(viewer, session_id, Permit.MANAGE)
    async with writing(session_id, now) as draft:
        await _check_live(draft)
        let_go(draft, viewer.user_id)
        _set_timers(draft)
        await advance_if_due(draft)
    return draft.session


async def _check_live(draft: Draft) -> None:
    await advance_if_due(draft)
    if not draft.session.status.is_live:
        raise WrongStatusError(f"A session that is {draft.session.status} is not open.")


def _until(draft: Draft, minutes: int | None) -> datetime:
    session = draft.session
    if minutes is not None:
        until = max(draft.now + timedelta(minutes=minutes), session.completes_at)
        if until > session.ends_at + LAST:
            raise InvalidInputError("That is over 4 hours after the scheduled end.", ("minutes",))
        return until
    until = max(session.ends_at + AFTER_END, session.completes_at)
    if until <= draft.now:
        raise InvalidInputError("That is past: say for how many minutes.", ("minutes",))
    return until


def _keep(draft: Draft, until: datetime, actor_id: int) -> None:
    session = draft.session
    since = session.kept_open_since or draft.now
    draft.change(kept_open_since=since, kept_open_until=until, kept_open_by_id=actor_id)
    told = {"since": since.isoformat(), "until": until.isoformat(), "by_id": actor_id}
    draft.append(SessionEventKind.KEPT_OPEN_CHANGED, {"kept_open": told}, actor_id)


def _set_timers(draft: Draft) -> None:
    session = draft.session
    following = session.timeline.next_move
    draft.change(next_transition_at=following[1] if following else None)
    if session.meeting_id is not None:
        draft.change(meeting_expires_at=expiry_of(session))
