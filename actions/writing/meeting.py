"""Making a meeting is one idempotent action, reached from the clock, ahead of time, from a person
and at token time. It calls nobody: the room itself is work that follows."""

from datetime import datetime, timedelta
from uuid import uuid4

import settings
from actions.writing.draft import Draft
from actions.writing.stream import ask_teachers, writing
from domain.errors import DomainError
from domain.event import SessionEventKind
from domain.meeting import MeetingOptions, layered, room_goes_at
from domain.rooms import room_name
from domain.session import MeetingSource, WorkKind
from domain.status import SessionStatus
from models import Session


def make_meeting(
    draft: Draft, source: MeetingSource, actor_id: int | None, *, is_person: bool = False
) -> None:
    """The session's meeting, if it has none and the gate lets it; and its room, while it is live,
    unless the session is found too late. `is_person`: for somebody who manages the session."""
    session = draft.session
    if session.meeting_id is None:
        refusal = session.gate.refusal(draft.now, is_person=is_person)
        if refusal is not None:
            _refuse(draft, refusal)
            return
        _create(draft, source, actor_id)
    if session.status.is_live and draft.now < session.open_until:
        draft.plan(WorkKind.MAKE_ROOM, draft.now)


def _create(draft: Draft, source: MeetingSource, actor_id: int | None) -> None:
    session = draft.session
    room = room_name(session.academy.slug, session.kind, session.id)
    draft.change(meeting_options=_options(session).to_dict())
    draft.change(
        meeting_id=f"mtg_{uuid4().hex}",
        room_name=room,
        meeting_link=_link(session, room),
        meeting_source=source,
        meeting_created_by_id=actor_id,
        meeting_created_at=draft.now,
        meeting_expires_at=expiry_of(session),
        meeting_refusal=None,
    )
    draft.drop(WorkKind.MAKE_MEETING)
    draft.append(SessionEventKind.MEETING_CREATED, {"room_name": room}, actor_id)


def _link(session: Session, room: str) -> str:
    """The academy's own page by its template, else our join page."""
    template = session.academy.meeting_link_template
    if template:
        return template.replace("{room}", room)
    return f"{settings.current().public_url.rstrip('/')}/join/{room}"


def _refuse(draft: Draft, refusal: DomainError) -> None:
    """The session goes on without, says why, and asks again when the gate opens."""
    session = draft.session
    retry_at = session.gate.opens_at(draft.now)
    said = session.meeting_refusal or {}
    is_known = said.get("code") == refusal.code
    told = {
        "code": refusal.code.value,
        "message": refusal.message,
        "at": said["at"] if is_known else draft.now.isoformat(),
        "retryAt": retry_at.isoformat() if retry_at else None,
    }
    # Told once for each reason: when it is tried again after that, snapshots and queries say.
    draft.change(meeting_refusal=told)
    if not is_known:
        draft.append(SessionEventKind.MEETING_REFUSED, told)
    draft.drop(WorkKind.MAKE_MEETING)
    if retry_at is not None:
        draft.plan(WorkKind.MAKE_MEETING, retry_at)


def look_ahead(draft: Draft) -> None:
    """Have the link of a session that is SCHEDULED made in time, or now if that time has come."""
    session = draft.session
    if session.meeting_id is not None or session.status is not SessionStatus.SCHEDULED:
        return
    at = ahead_at(session)
    if at <= draft.now:
        make_meeting(draft, MeetingSource.AUTO, None)
        return
    draft.change(meeting_refusal=None)
    draft.drop(WorkKind.MAKE_MEETING)
    if at < session.ready_at:  # else the session has it made when it becomes READY
        draft.plan(WorkKind.MAKE_MEETING, at)


def ahead_at(session: Session) -> datetime:
    before = session.academy.video_settings.meeting_creation_minutes_before
    return session.scheduled_at - timedelta(minutes=before)


async def make_ahead(session_id: int, now: datetime) -> None:
    """The meeting that is due ahead of time, or was refused: the gate is asked once more."""
    async with writing(session_id, now) as draft:
        if draft.session.status.is_live:
            make_meeting(draft, MeetingSource.AUTO, None)
        else:
            look_ahead(draft)


def ask_again(draft: Draft) -> None:
    """The rules have changed: what was refused may be allowed, and when it is due may differ."""
    session = draft.session
    if session.meeting_id is not None or session.status.is_over:
        return
    if session.status.is_live or ahead_at(session) <= draft.now:
        draft.plan(WorkKind.MAKE_MEETING, draft.now)
    else:
        look_ahead(draft)


async def move_meeting(draft: Draft) -> None:
    """The session has another time, so its meeting has another beginning or another end."""
    session = draft.session
    if session.meeting_id is None:
        draft.change(meeting_refusal=None)
        return
    await ask_teachers([session])
    lay_again(draft)
    draft.change(meeting_expires_at=expiry_of(session))


async def layer_options(draft: Draft) -> None:
    """The session has another teacher, so its meeting is as that one wants it."""
    await ask_teachers([draft.session])
    lay_again(draft)


def lay_again(draft: Draft) -> None:
    """Options anew, of a meeting whose room is not there yet: LiveKit changes none of a room's."""
    session = draft.session
    if session.meeting_id is not None and session.room_first_ready_at is None:
        draft.change(meeting_options=_options(session).to_dict())


def _options(session: Session) -> MeetingOptions:
    """createMeeting's own values, else the teacher's, else the academy's."""
    teacher = session.teacher_settings
    layers = (
        session.meeting_wishes or {},
        teacher.options() if teacher else {},
        session.academy.video_settings.options(),
    )
    return layered(layers, session.duration_minutes)


def expiry_of(session: Session) -> datetime:
    """By its meeting's options, and as much later as the session is kept open."""
    kept = session.open_until - session.ends_at
    return session.scheduled_at + timedelta(minutes=session.options.max_duration_minutes) + kept


def forget_room(draft: Draft) -> None:
    """The room there was is none of the session's any more, and is to be closed: nothing that is
    known of it holds for the next. When it was made is kept, by which its late words are told."""
    draft.change(
        room_first_ready_at=None,
        room_ready_at=None,
        room_seen_at=None,
        room_sid=None,
        room_error=None,
    )
    draft.plan(WorkKind.DELETE_ROOM, draft.now)


def close_meeting(draft: Draft, actor_id: int | None, *, is_closed: bool = False) -> None:
    """The session is over: nobody is admitted any more, and the meeting ends, at once or when the
    academy has rooms go. `is_closed`: the room is gone."""
    session = draft.session
    draft.drop(WorkKind.MAKE_MEETING)
    if session.meeting_id is None or session.meeting_ended_at is not None:
        return
    if is_closed or session.opened_at == draft.now or _goes_at(draft) <= draft.now:
        say_ended(draft, actor_id)
    if session.opened_at != draft.now:  # opened and over in one breath: there is no room
        plan_deletion(draft)


def say_ended(draft: Draft, actor_id: int | None) -> None:
    if draft.session.meeting_id is None or draft.session.meeting_ended_at is not None:
        return
    draft.change(meeting_ended_at=draft.now)
    draft.append(SessionEventKind.MEETING_ENDED, {}, actor_id)


def plan_deletion(draft: Draft) -> None:
    """Have the room of a session that is over deleted: now, or when the academy has rooms go."""
    draft.plan(WorkKind.DELETE_ROOM, _goes_at(draft))


def _goes_at(draft: Draft) -> datetime:
    session = draft.session
    is_left_open = (
        session.status in (SessionStatus.COMPLETED, SessionStatus.ABSENT)
        and session.meeting_ended_at is None
        and not session.academy.video_settings.auto_end_meetings
    )
    return room_goes_at(session.ends_at, draft.now, is_left_open=is_left_open)
