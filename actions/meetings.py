"""Making a meeting is one idempotent action, reached from the clock, from a person's change of
status and at token time. It calls nobody: the room itself is work that follows."""

from dataclasses import replace
from uuid import uuid4

import settings
from actions.stream import Draft
from domain.event import SessionEventKind
from domain.meeting import MeetingOptions, meeting_expires_at
from domain.rooms import room_name
from domain.session import MeetingSource, WorkKind
from models import Session


def make_meeting(draft: Draft, source: MeetingSource, actor_id: int | None) -> None:
    """The session's meeting, if it has none; and its room, unless the session is found too late."""
    if draft.session.meeting_id is None:
        _create(draft, source, actor_id)
    if draft.now < draft.session.ends_at:
        draft.plan(WorkKind.MAKE_ROOM, draft.now)


def _create(draft: Draft, source: MeetingSource, actor_id: int | None) -> None:
    session = draft.session
    room = room_name(session.academy.slug, session.kind, session.id)
    draft.change(
        meeting_id=f"mtg_{uuid4().hex}",
        room_name=room,
        meeting_link=_link(session, room),
        meeting_source=source,
        meeting_created_by_id=actor_id,
        meeting_created_at=draft.now,
        meeting_expires_at=meeting_expires_at(session.scheduled_at, session.duration_minutes),
        meeting_options=_options(session).to_dict(),
    )
    draft.append(SessionEventKind.MEETING_CREATED, {"room_name": room}, actor_id)


def move_meeting(draft: Draft) -> None:
    """The session has another time, so its meeting has another end."""
    session = draft.session
    if session.meeting_id is None:
        return
    longest = _options(session).max_duration_minutes
    draft.change(
        meeting_expires_at=meeting_expires_at(session.scheduled_at, session.duration_minutes),
        meeting_options=replace(session.options, max_duration_minutes=longest).to_dict(),
    )


def _link(session: Session, room: str) -> str:
    """The academy's own page by its template, else our join page."""
    template = session.academy.meeting_link_template
    if template:
        return template.replace("{room}", room)
    return f"{settings.current().public_url.rstrip('/')}/join/{room}"


def _options(session: Session) -> MeetingOptions:
    academy = session.academy.video_settings
    return MeetingOptions(
        max_participants=academy.default_max_participants,
        max_duration_minutes=session.duration_minutes + 60,
        empty_timeout_seconds=academy.empty_timeout_seconds,
    )


def end_meeting(draft: Draft, actor_id: int | None) -> None:
    """The session is over: nobody is admitted any more, and the room goes."""
    if draft.session.meeting_id is None or draft.session.meeting_ended_at is not None:
        return
    draft.change(meeting_ended_at=draft.now)
    draft.append(SessionEventKind.MEETING_ENDED, {}, actor_id)
    if draft.session.opened_at != draft.now:  # opened and over in one breath: there is no room
        draft.plan(WorkKind.DELETE_ROOM, draft.now)
