"""Meetings: making one is idempotent, whether the clock, a person or a token asks for it.

Nothing here calls LiveKit: the room is made by due work that follows.
"""

from datetime import datetime, timedelta
from uuid import uuid4

import settings
from actions.writing.draft import Draft
from actions.writing.stream import read_teacher_settings, writing
from domain.errors import BlockedDayError, DomainError, OutsideWindowError
from domain.event import SessionEventKind
from domain.meeting import MeetingOptions, room_goes_at
from domain.rooms import room_name
from domain.session import MeetingSource, WorkKind
from domain.status import SessionStatus
from models import Session
from models.reading.meeting_time import meeting_comes_at

NO_TIME_LEFT = "No time is left: it would be made only after the session is over."


def make_meeting(
    draft: Draft, source: MeetingSource, actor_id: int | None, *, is_person: bool = False
) -> None:
    """Give the session a meeting, if it has none and the gate allows it.

    While the session is live its room is made too, unless the session is found too late.
    `is_person`: somebody who manages the session asks for it.
    """
    session = draft.session
    if session.meeting_id is None:
        refusal = session.gate.refusal(draft.now, is_person=is_person)
        if refusal is not None:
            _refuse(draft, refusal)
            return
        room = room_name(session.academy.slug, session.kind, session.id)
        page = session.academy.meeting_link_template
        own_page = f"{settings.current().public_url.rstrip('/')}/join/{{room}}"
        draft.change(meeting_options=_options(session).to_dict())
        draft.change(
            meeting_id=f"mtg_{uuid4().hex}",
            room_name=room,
            meeting_link=(page or own_page).replace("{room}", room),
            meeting_source=source,
            meeting_created_by_id=actor_id,
            meeting_created_at=draft.now,
            meeting_expires_at=expiry_of(session),
            meeting_refusal=None,
        )
        draft.drop_work(WorkKind.MAKE_MEETING)
        draft.append(SessionEventKind.MEETING_CREATED, {"room_name": room}, actor_id)
    if session.status.is_live and draft.now < session.open_until:
        draft.add_work(WorkKind.MAKE_ROOM, draft.now)


def _refuse(draft: Draft, refusal: DomainError) -> None:
    """Store why the gate refuses, and retry when it opens. The session goes on without a meeting.

    Nothing is promised for a time after the session. Each reason is one event. A later `retryAt`
    has none: snapshots and queries tell it.
    """
    session, message = draft.session, refusal.message
    retry_at = meeting_comes_at(session, session.academy.video_settings, session.gate, draft.now)
    if retry_at is None and isinstance(refusal, BlockedDayError | OutsideWindowError):
        message = f"{message} {NO_TIME_LEFT}"
    former = session.meeting_refusal or {}
    is_known = former.get("code") == refusal.code
    payload = {
        "code": refusal.code.value,
        "message": message,
        "at": former["at"] if is_known else draft.now.isoformat(),
        "retryAt": retry_at.isoformat() if retry_at else None,
    }
    draft.change(meeting_refusal=payload)
    if not is_known:
        draft.append(SessionEventKind.MEETING_REFUSED, payload)
    draft.drop_work(WorkKind.MAKE_MEETING)
    if retry_at is not None:
        draft.add_work(WorkKind.MAKE_MEETING, retry_at)


def make_meeting_in_time(draft: Draft) -> None:
    """Have the meeting of a SCHEDULED session made ahead, or make it now if that is due."""
    session = draft.session
    if session.meeting_id is not None or session.status is not SessionStatus.SCHEDULED:
        return
    at = session.academy.video_settings.link_at(session.scheduled_at)
    if at <= draft.now:
        make_meeting(draft, MeetingSource.AUTO, None)
        return
    draft.change(meeting_refusal=None)
    draft.drop_work(WorkKind.MAKE_MEETING)
    if at < session.ready_at:  # else it is made when the session becomes READY
        draft.add_work(WorkKind.MAKE_MEETING, at)


async def make_ahead(session_id: int, now: datetime) -> None:
    """Make a meeting that is due ahead of its session, or was refused before."""
    async with writing(session_id, now) as draft:
        make_due_meeting(draft)


def make_due_meeting(draft: Draft) -> None:
    """Make the session's meeting, if one is due by now."""
    if draft.session.status.is_live:
        make_meeting(draft, MeetingSource.AUTO, None)
    else:
        make_meeting_in_time(draft)


def retry_meeting(draft: Draft) -> None:
    """Ask the gate again after its rules changed: now, or when the meeting is due ahead."""
    session = draft.session
    if session.meeting_id is not None or session.status.is_over:
        return
    link_at = session.academy.video_settings.link_at(session.scheduled_at)
    if session.status.is_live or link_at <= draft.now:
        draft.add_work(WorkKind.MAKE_MEETING, draft.now)
    else:
        make_meeting_in_time(draft)


async def reschedule_meeting(draft: Draft) -> None:
    """Adapt the meeting to the session's new time."""
    session = draft.session
    if session.meeting_id is None:
        draft.change(meeting_refusal=None)
        return
    await read_teacher_settings([session])
    refresh_options(draft)
    draft.change(meeting_expires_at=expiry_of(session))


async def adopt_teacher_options(draft: Draft) -> None:
    """Adapt the meeting to the session's new teacher."""
    await read_teacher_settings([draft.session])
    refresh_options(draft)


def refresh_options(draft: Draft) -> None:
    """Set the options anew while there is no room: LiveKit never changes those of a room."""
    session = draft.session
    if session.meeting_id is not None and session.room_first_ready_at is None:
        draft.change(meeting_options=_options(session).to_dict())


def _options(session: Session) -> MeetingOptions:
    return session.options_by(session.academy.video_settings, session.teacher_settings)


def expiry_of(session: Session) -> datetime:
    """Compute when the meeting expires: by its options, plus the time the session is kept open."""
    kept = session.open_until - session.ends_at
    return session.scheduled_at + timedelta(minutes=session.options.max_duration_minutes) + kept


def forget_room(draft: Draft) -> None:
    """Detach the session from its room, which is to be deleted.

    `room_created_ms` stays: it tells late webhooks of that room from those of the next.
    """
    draft.change(
        room_first_ready_at=None,
        room_ready_at=None,
        room_seen_at=None,
        room_sid=None,
        room_error=None,
    )
    draft.add_work(WorkKind.DELETE_ROOM, draft.now)


def close_meeting(draft: Draft, actor_id: int | None, *, is_closed: bool = False) -> None:
    """End the meeting of a session that is over, at once or when the academy has rooms deleted.

    `is_closed`: the room is gone already.
    """
    session = draft.session
    draft.drop_work(WorkKind.MAKE_MEETING)
    if session.meeting_id is None or session.meeting_ended_at is not None:
        return
    if is_closed or session.opened_at == draft.now or _room_deletion_due(draft) <= draft.now:
        mark_meeting_ended(draft, actor_id)
    if session.opened_at != draft.now:  # else it opened and ended in one move: there is no room
        delete_room_later(draft)


def mark_meeting_ended(draft: Draft, actor_id: int | None) -> None:
    if draft.session.meeting_id is None or draft.session.meeting_ended_at is not None:
        return
    draft.change(meeting_ended_at=draft.now)
    draft.append(SessionEventKind.MEETING_ENDED, {}, actor_id)


def delete_room_later(draft: Draft) -> None:
    """Have the room of a session that is not live deleted, when the academy has rooms deleted."""
    draft.add_work(WorkKind.DELETE_ROOM, _room_deletion_due(draft))


def _room_deletion_due(draft: Draft) -> datetime:
    session = draft.session
    is_left_open = (
        session.status in (SessionStatus.COMPLETED, SessionStatus.ABSENT)
        and session.meeting_ended_at is None
        and not session.academy.video_settings.auto_end_meetings
    )
    return room_goes_at(session.ends_at, draft.now, is_left_open=is_left_open)
