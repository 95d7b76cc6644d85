"""What a person does with a session that is scheduled: another time, no more, another status."""

from datetime import datetime

from actions.attendance.folding import catch_up, close_stays
from actions.bulk import Refusals, again_if_raced, check_count
from actions.draft import Draft
from actions.meetings import forget_room, look_ahead, move_meeting
from actions.moves import Because, advance, let_go, move_to
from actions.roster import fill
from actions.schedule import check_times, times
from actions.stream import lock_all, write, writing
from domain.access import Permit, Viewer
from domain.errors import NotFoundError, WrongStatusError
from domain.event import SessionEventKind
from domain.status import SessionStatus, TransitionCause
from domain.text import cleaned
from models import Session
from models.atomic import atomic

LONGEST_REASON = 2000


async def reschedule(
    viewer: Viewer, session_id: int, scheduled_at: datetime, minutes: int | None, now: datetime
) -> Session:
    """Another time, for a session that has not begun. READY goes back to SCHEDULED."""
    await Session.fetch_for(viewer, session_id, Permit.MANAGE)
    async with writing(session_id, now) as draft:
        await catch_up(draft)
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


async def cancel(viewer: Viewer, session_id: int, reason: str | None, now: datetime) -> Session:
    await Session.fetch_for(viewer, session_id, Permit.MANAGE)
    return await _change(session_id, SessionStatus.CANCELLED, _person(viewer, reason), now)


async def cancel_many(
    viewer: Viewer, session_ids: list[int], reason: str | None, now: datetime
) -> list[Session]:
    """All of them, or RefusedError and none, in the order given. One that is cancelled already
    stays as it is: the answer to the first call may have been lost."""
    check_count(len(session_ids), "sessions")
    because = _person(viewer, reason)
    return await again_if_raced(lambda: _cancel_all(viewer, session_ids, because, now))


async def _cancel_all(
    viewer: Viewer, session_ids: list[int], because: Because, now: datetime
) -> list[Session]:
    refusals = Refusals()
    async with atomic() as tx:
        rows = Session.visible_to(viewer).filter(id__in=session_ids)
        drafts = {draft.session.id: draft for draft in await lock_all(rows, now)}
        for session_id in dict.fromkeys(session_ids):
            with refusals.under(session_ids.index(session_id)):
                await _cancel_one(viewer, drafts.get(session_id), because)
        refusals.check()
        await write(tx, drafts.values(), now)
    return [drafts[session_id].session for session_id in session_ids]


async def _cancel_one(viewer: Viewer, draft: Draft | None, because: Because) -> None:
    if draft is None:
        raise NotFoundError("No such session.")
    draft.session.check(viewer, Permit.SCHEDULE)
    if draft.session.status is not SessionStatus.CANCELLED:
        await _move(draft, SessionStatus.CANCELLED, because)


async def change_status(
    viewer: Viewer, session_id: int, to: SessionStatus, reason: str | None, now: datetime
) -> Session:
    """An administrator's direct change: the same effects at once as the clock's."""
    await Session.fetch_for(viewer, session_id, Permit.SCHEDULE)
    if to in (SessionStatus.SCHEDULED, SessionStatus.ABSENT):
        raise WrongStatusError(f"{to} follows from the schedule and the attendance.", ("to",))
    return await _change(session_id, to, _person(viewer, reason), now)


def _person(viewer: Viewer, reason: str | None) -> Because:
    if reason is not None:
        reason = cleaned(reason, LONGEST_REASON, "reason", shortest=0)
    return Because(TransitionCause.PERSON, viewer.user_id, reason)


async def _change(session_id: int, to: SessionStatus, because: Because, now: datetime) -> Session:
    async with writing(session_id, now) as draft:
        await _move(draft, to, because)
    return draft.session


async def _move(draft: Draft, to: SessionStatus, because: Because) -> None:
    await catch_up(draft)
    if draft.session.status is SessionStatus.ABSENT:
        raise WrongStatusError("ABSENT follows from the attendance, and ends with it.", ("to",))
    if draft.session.status is to:
        raise WrongStatusError(f"The session is {to} already.")
    move_to(draft, to, because)
    if to is SessionStatus.CANCELLED:
        draft.change(cancellation_reason=because.reason)
    await close_stays(draft)
