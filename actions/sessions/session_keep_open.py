"""Keeps a session open past its time, or after its teacher lost the connection."""

from datetime import datetime, timedelta

from actions.attendance.folding import advance_if_due
from actions.writing.draft import Draft
from actions.writing.meeting import expiry_of, retry_meeting
from actions.writing.moves import let_go
from actions.writing.stream import managing
from domain.access import Viewer
from domain.errors import InvalidInputError, WrongStatusError
from domain.event import SessionEventKind
from models import Session

MINUTES_MAX = 240  # from now
AFTER_END_MAX = timedelta(hours=4)  # after the scheduled end, however often it is asked for
AFTER_END_DEFAULT = timedelta(minutes=30)  # after the scheduled end, where no minutes are given


async def keep_session_open(
    viewer: Viewer, session_id: int, minutes: int | None, now: datetime
) -> Session:
    """Keep a live session open for so many minutes from now, never shorter than it is open anyway.

    Without minutes, keep it open until half an hour after its scheduled end. No session is open
    for longer than four hours after that end.
    """
    async with managing(viewer, session_id, now) as draft:
        if minutes is not None and not 1 <= minutes <= MINUTES_MAX:
            message = f"A session is kept open 1 to {MINUTES_MAX} minutes."
            raise InvalidInputError(message, ("minutes",))
        await _check_live(draft)
        session = draft.session
        if minutes is not None:
            until = max(now + timedelta(minutes=minutes), session.completes_at)
            if until > session.ends_at + AFTER_END_MAX:
                message = "That is over 4 hours after the scheduled end."
                raise InvalidInputError(message, ("minutes",))
        else:
            until = max(session.ends_at + AFTER_END_DEFAULT, session.completes_at)
            if until <= now:
                raise InvalidInputError("That is past: say for how many minutes.", ("minutes",))
        since, by_id = session.kept_open_since or now, viewer.user_id
        draft.change(kept_open_since=since, kept_open_until=until, kept_open_by_id=by_id)
        kept_open = {"since": since.isoformat(), "until": until.isoformat(), "by_id": by_id}
        draft.append(SessionEventKind.KEPT_OPEN_CHANGED, {"kept_open": kept_open}, by_id)
        _set_timers(draft)
    return session


async def release_session(viewer: Viewer, session_id: int, now: datetime) -> Session:
    """Let a live session end at its usual time, or at once where that is past."""
    async with managing(viewer, session_id, now) as draft:
        await _check_live(draft)
        let_go(draft, viewer.user_id)
        _set_timers(draft)
        await advance_if_due(draft)
    return draft.session


async def _check_live(draft: Draft) -> None:
    await advance_if_due(draft)
    if not draft.session.status.is_live:
        raise WrongStatusError(f"A session that is {draft.session.status} is not open.")


def _set_timers(draft: Draft) -> None:
    session = draft.session
    following = session.timeline.next_move
    draft.change(next_transition_at=following[1] if following else None)
    if session.meeting_id is not None:
        draft.change(meeting_expires_at=expiry_of(session))
    retry_meeting(draft)  # a refused one has more time left
