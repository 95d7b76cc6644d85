"""Makes a meeting when a person asks, whatever the hour."""

from datetime import datetime
from typing import Any

from actions.attendance.folding import advance_if_due
from actions.writing.meeting import make_meeting
from actions.writing.stream import managing
from domain.access import UserRole, Viewer
from domain.configuration import TEACHER_BOUNDS, check_within
from domain.errors import SessionOverError
from domain.meeting import longest_minutes
from domain.session import MeetingSource
from models import Session
from models.reading.meeting_time import no_meeting_for


async def create_meeting(
    viewer: Viewer, session_id: int, wishes: dict[str, Any], now: datetime
) -> Session:
    """Return the session with its meeting: the one it has, unchanged, or a new one.

    `wishes` holds the options that the caller gave for a new one; None is no wish. They stay when
    the teacher or the academy changes its own.
    """
    is_teacher = viewer.role is UserRole.TEACHER
    source = MeetingSource.TEACHER if is_teacher else MeetingSource.ADMIN
    if viewer.is_service:
        source = MeetingSource.API
    async with managing(viewer, session_id, now) as draft:
        await advance_if_due(draft)
        session = draft.session
        if session.status.is_over:
            raise SessionOverError("The session is over.")
        video = session.academy.video_settings
        no_meeting = no_meeting_for(session, video, session.gate, now, manages=True)
        if no_meeting is not None:
            raise no_meeting
        if session.meeting_id is None:
            # A meeting is at least as long as its session, and at most an hour longer.
            minutes = session.duration_minutes, longest_minutes(session.duration_minutes)
            bounds = TEACHER_BOUNDS | {"max_duration_minutes": minutes}
            for name in wishes.keys() & bounds.keys():
                check_within(name, wishes[name], bounds)
            kept = {name: value for name, value in wishes.items() if value is not None}
            draft.change(meeting_wishes=kept or None)
        make_meeting(draft, source, viewer.user_id, is_person=True)
    return session
