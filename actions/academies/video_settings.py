"""Changes the settings of an academy's meetings, and the sessions that follow them."""

from datetime import datetime
from typing import Any

from tortoise.expressions import Q

from actions.sessions.session_schedule import compute_dates
from actions.writing.draft import Draft
from actions.writing.meeting import (
    delete_room_later,
    mark_meeting_ended,
    refresh_options,
    retry_meeting,
)
from actions.writing.rights import doubt_rights
from actions.writing.stream import lock_all, read_teacher_settings, write
from domain.access import Permit, UserRole, Viewer
from domain.configuration import DAYS, HOURS, VIDEO_BOUNDS, check_window, checked_settings
from domain.status import LIVE, OVER, SessionStatus
from models import Academy, Session, User, VideoSettings
from models.database.atomic import atomic

# Sessions that follow their academy's settings: not started, or without a room so far.
FOLLOWING = Q(status=SessionStatus.SCHEDULED) | Q(status__in=LIVE, room_first_ready_at=None)
LEFT_OPEN = Q(status__in=OVER, meeting_id__isnull=False, meeting_ended_at=None)
GATE_SETTINGS = {
    "auto_create_meetings",
    "meeting_creation_minutes_before",
    "ready_minutes_before",
    DAYS,
    *HOURS,
}
FOLLOWED_SETTINGS = GATE_SETTINGS | {
    "completion_buffer_minutes",
    "max_overtime_minutes",
    "default_max_participants",
    "empty_timeout_seconds",
    "record_by_default",
}


async def update_video_settings(
    viewer: Viewer, academy_id: int, values: dict[str, Any], now: datetime
) -> Academy:
    """Change the settings; sessions follow in what has not happened: dates, links, options.

    Rooms that were left open close now when they are to end with their sessions.
    """
    await Academy.fetch_for(viewer, academy_id, Permit.CONFIGURE)
    async with atomic() as tx:
        # Locked: a session that is scheduled at the same time waits, and sees the new settings.
        settings = await VideoSettings.select_for_update().get(academy_id=academy_id)
        new = checked_settings(values, VIDEO_BOUNDS)
        changed = {name for name, value in new.items() if getattr(settings, name) != value}
        settings.update_from_dict(new)
        check_window(settings.meeting_creation_time_start, settings.meeting_creation_time_end)
        await settings.save(update_fields=sorted(changed) or ["token_ttl_minutes"])
        which = [FOLLOWING] if changed & FOLLOWED_SETTINGS else []
        if "auto_end_meetings" in changed and settings.auto_end_meetings:
            which.append(LEFT_OPEN)
        if which:
            sessions = Session.filter(Q(*which, join_type="OR"), academy_id=academy_id)
            drafts = await lock_all(sessions, now)
            await read_teacher_settings([draft.session for draft in drafts])
            for draft in drafts:
                _follow(draft, changed, viewer.user_id)
            await write(tx, drafts, now)
        if "teachers_join_any_session" in changed and not settings.teachers_join_any_session:
            teachers = User.filter(academy_id=academy_id, role=UserRole.TEACHER)
            await doubt_rights(tx, [teacher.id for teacher in await teachers], now)
    return await Academy.get(id=academy_id)


def _follow(draft: Draft, changed: set[str], actor_id: int) -> None:
    """Bring a session in line with its academy's new settings."""
    session = draft.session
    if session.status.is_over:
        mark_meeting_ended(draft, actor_id)
        delete_room_later(draft)
        return
    if session.status is SessionStatus.SCHEDULED:
        settings = session.academy.video_settings
        moved = compute_dates(session.scheduled_at, session.duration_minutes, settings)
        draft.change(**moved, next_transition_at=moved["ready_at"])
    refresh_options(draft)
    if changed & GATE_SETTINGS:
        retry_meeting(draft)
    draft.append_update(actor_id)
