"""Makes a meeting when a person asks, whatever the hour."""

from datetime import datetime
from typing import Any

from actions.attendance.folding import advance_if_due
from actions.writing.draft import Draft
from actions.writing.meeting import expiry_of, layer_options, make_meeting
from actions.writing.stream import writing
from domain.access import Permit, UserRole, Viewer
from domain.configuration import TEACHER_BOUNDS, check_within
from domain.errors import SessionOverError
from domain.event import SessionEventKind
from domain.meeting import longest_minutes
from domain.session import MeetingSource
from models import Session


async def create_meeting(
    viewer: Viewer, session_id: int, wishes: dict[str, Any], now: datetime
) -> Session:
    """The session's meeting: the one that is there, or one made now, whatever the hour.

    `wishes` are options that were given, None to take one back; they count until the room is
    there.
    """
    await Session.fetch_for(viewer, session_id, Permit.MANAGE)
    source = _source(viewer)
    async with writing(session_id, now) as draft:
        await advance_if_due(draft)
        if draft.session.status.is_over:
            raise SessionOverError("The session is over.")
        no_meeting = draft.session.no_meeting_for(now, draft.session.gate, manages=True)
        if no_meeting is not None:
            raise no_meeting
        await _wish(draft, wishes, viewer.user_id)
        make_meeting(draft, source, viewer.user_id, is_person=True)
    return draft.session


def _source(viewer: Viewer) -> MeetingSource:
    if viewer.is_service:
        return MeetingSource.API
    is_teacher = viewer.role is UserRole.TEACHER
    return MeetingSource.TEACHER if is_teacher else MeetingSource.ADMIN


async def _wish(draft: Draft, wishes: dict[str, Any], actor_id: int) -> None:
    session = draft.session
    _check(session, wishes)
    if not wishes or session.room_first_ready_at is not None:
        return
    said = (session.meeting_wishes or {}) | wishes
    kept = {name: value for name, value in said.items() if value is not None}
    draft.change(meeting_wishes=kept)
    if session.meeting_id is not None and draft.changed:
        await layer_options(draft)
        draft.change(meeting_expires_at=expiry_of(session))
        draft.append(SessionEventKind.UPDATED, {}, actor_id)


def _check(session: Session, wishes: dict[str, Any]) -> None:
    """No meeting is shorter than its session, or longer than an hour more."""
    lasting = session.duration_minutes, longest_minutes(session.duration_minutes)
    bounds = TEACHER_BOUNDS | {"max_duration_minutes": lasting}
    for name in wishes.keys() & bounds.keys():
        check_within(name, wishes[name], bounds)
