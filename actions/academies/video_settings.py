"""Settings of an academy's meetings, and the sessions that follow them."""

from datetime import datetime
from typing import Any

from tortoise.expressions import Q
from tortoise.queryset import QuerySet

from actions.sessions.session_schedule import compute_dates
from actions.writing import rights
from actions.writing.draft import Draft
from actions.writing.meeting import ask_again, lay_again, plan_deletion, say_ended
from actions.writing.stream import ask_teachers, lock_all, write
from domain.access import Permit, UserRole, Viewer
from domain.configuration import DAYS, HOURS, VIDEO_BOUNDS, check_window, checked
from domain.status import LIVE, OVER, SessionStatus
from models import Academy, Session, User, VideoSettings
from models.academy import default_of
from models.database.atomic import Transaction, atomic

# What a session follows as long as it has not begun, or its room is not there.
CHANGEABLE = Q(status=SessionStatus.SCHEDULED) | Q(status__in=LIVE, room_first_ready_at=None)
LEFT_OPEN = Q(status__in=OVER, meeting_id__isnull=False, meeting_ended_at=None)
GATE = {
    "auto_create_meetings",
    "meeting_creation_minutes_before",
    "ready_minutes_before",
    DAYS,
    *HOURS,
}
FOLLOWED = GATE | {
    "completion_buffer_minutes",
    "max_overtime_minutes",
    "default_max_participants",
    "empty_timeout_seconds",
    "record_by_default",
}


async def update_video_settings(
    viewer: Viewer, academy_id: int, values: dict[str, Any], now: datetime
) -> Academy:
    """What has not begun moves with the settings: timers of sessions that are SCHEDULED, links
    that are not made yet, and options of meetings whose room is not there yet. Rooms that were
    left open close now when they are to end with their sessions."""
    await Academy.fetch_for(viewer, academy_id, Permit.CONFIGURE)
    async with atomic() as tx:
        # Held: whoever schedules meanwhile waits, and then sees the new settings.
        settings = await VideoSettings.select_for_update().get(academy_id=academy_id)
        changed = _change(settings, checked(values, VIDEO_BOUNDS, default_of(VideoSettings)))
        check_window(settings.meeting_creation_time_start, settings.meeting_creation_time_end)
        await settings.save(update_fields=sorted(changed) or ["token_ttl_minutes"])
        which = _concerned(settings, changed)
        sessions = Session.filter(Q(*which, join_type="OR"), academy_id=academy_id)
        if which:
            await write(tx, await _follow(sessions, changed, viewer.user_id, now), now)
        await _review(tx, settings, changed, now)
    return await Academy.get(id=academy_id)


def _change(settings: VideoSettings, values: dict[str, Any]) -> set[str]:
    """Which of them differ from what they were."""
    changed = {name for name, value in values.items() if getattr(settings, name) != value}
    settings.update_from_dict(values)
    return changed


def _concerned(settings: VideoSettings, changed: set[str]) -> list[Q]:
    """Which sessions follow these settings: any of these."""
    ends = "auto_end_meetings" in changed and settings.auto_end_meetings
    return [CHANGEABLE] * bool(changed & FOLLOWED) + [LEFT_OPEN] * ends


async def _follow(
    sessions: QuerySet[Session], changed: set[str], actor_id: int, now: datetime
) -> list[Draft]:
    drafts = await lock_all(sessions, now)
    await ask_teachers([draft.session for draft in drafts])
    for draft in drafts:
        if draft.session.status.is_over:
            say_ended(draft, actor_id)
            plan_deletion(draft)
        else:
            _follow_one(draft, changed)
            draft.tell_update(actor_id)
    return drafts


def _follow_one(draft: Draft, changed: set[str]) -> None:
    _move_timers(draft)
    lay_again(draft)
    if changed & GATE:
        ask_again(draft)


def _move_timers(draft: Draft) -> None:
    session = draft.session
    if session.status is SessionStatus.SCHEDULED:
        settings = session.academy.video_settings
        moved = compute_dates(session.scheduled_at, session.duration_minutes, settings)
        draft.change(**moved, next_transition_at=moved["ready_at"])


async def _review(
    tx: Transaction, settings: VideoSettings, changed: set[str], now: datetime
) -> None:
    """Teachers may not be let into others' sessions any more."""
    if "teachers_join_any_session" in changed and not settings.teachers_join_any_session:
        teachers = User.filter(academy_id=settings.academy_id, role=UserRole.TEACHER)
        await rights.review(tx, [teacher.id for teacher in await teachers], now)
