"""Academies, and their settings."""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any
from zoneinfo import available_timezones

from tortoise.exceptions import IntegrityError
from tortoise.expressions import Q
from tortoise.queryset import QuerySet

from actions import rights
from actions.bulk import take_turns
from actions.draft import Draft
from actions.meetings import ask_again, lay_again, plan_deletion, say_ended
from actions.schedule import times
from actions.stream import ask_teachers, lock_all, write
from domain.access import Permit, UserRole, Viewer
from domain.configuration import DAYS, HOURS, POLICY_BOUNDS, VIDEO_BOUNDS, check_window, checked
from domain.errors import AlreadyExistsError, ForbiddenError, InvalidInputError
from domain.event import SessionEventKind
from domain.status import AHEAD, LIVE, OPEN, OVER, SessionStatus
from domain.text import cleaned
from models import Academy, AttendancePolicy, Session, User, VideoSettings
from models.atomic import Transaction, atomic

SLUG = re.compile(r"[a-z0-9](-?[a-z0-9])*")
LONGEST_NAME = 200
LONGEST_ROOM = "x" * 100  # what a link has to have space for
SCRIPTS = ("javascript", "data", "vbscript")  # links that would run in whoever follows them
NOWHERE = {"localtime", "Factory"}  # files beside the zones: each host's own, and none at all
LOCALE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")

# What a session follows as long as it has not begun, or its room is not there.
CHANGEABLE = Q(status=SessionStatus.SCHEDULED) | Q(status__in=LIVE, room_first_ready_at=None)
LEFT_OPEN = Q(status__in=OVER, meeting_id__isnull=False, meeting_ended_at=None)
REFUSED = Q(status__in=OPEN, meeting_refusal__isnull=False)
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


async def create(viewer: Viewer, values: dict[str, Any], now: datetime) -> Academy:
    if not viewer.may(Permit.FOUND):
        raise ForbiddenError("Your role does not allow this.")
    if not SLUG.fullmatch(values["slug"]) or len(values["slug"]) > 63:
        raise InvalidInputError("A slug is small letters, digits and single hyphens.", ("slug",))
    _check(values)
    try:
        async with atomic():
            academy = await Academy.create(**values, created_at=now)
            await VideoSettings.create(academy_id=academy.id)
            await AttendancePolicy.create(academy_id=academy.id)
    except IntegrityError:
        raise AlreadyExistsError("This slug is taken.", ("slug",)) from None
    return academy


async def update(viewer: Viewer, academy_id: int, values: dict[str, Any], now: datetime) -> Academy:
    """Sessions that were refused a meeting are tried again when the zone changes or the academy
    is active again. Links that are made already stay as they are.

    Nobody is absent from a session that had not begun when its academy stopped, unless the academy
    is active again before the session's end.
    """
    await Academy.fetch_for(viewer, academy_id, Permit.CONFIGURE)
    values = {name: _default(name) if value is None else value for name, value in values.items()}
    _check(values)
    async with atomic() as tx:
        await take_turns([academy_id])
        academy = await Academy.get(id=academy_id)
        await academy.update_from_dict(values).save(update_fields=list(values) or ["name"])
        if values.keys() & {"timezone", "is_active"}:
            await write(tx, await _pass_on(academy, viewer.user_id, now), now)
    return academy


async def _pass_on(academy: Academy, actor_id: int, now: datetime) -> list[Draft]:
    closed = Q(status__in=OPEN, closed_from__isnull=False)
    which = REFUSED | (closed if academy.is_active else Q(status__in=AHEAD))
    drafts = await lock_all(Session.filter(which, academy_id=academy.id), now)
    for draft in drafts:
        if draft.session.meeting_refusal is not None:
            ask_again(draft)
            _tell(draft, actor_id)
        _close_or_reopen(draft)
    return drafts


def _close_or_reopen(draft: Draft) -> None:
    """Stamp what has not begun while its academy is not active; take it off what has not ended."""
    session = draft.session
    if not session.academy.is_active and session.status.is_ahead:
        draft.change(closed_from=session.closed_from or draft.now)
    elif session.academy.is_active and draft.now < session.ends_at:
        draft.change(closed_from=None)


def _tell(draft: Draft, actor_id: int) -> None:
    if draft.changed:
        draft.append(SessionEventKind.UPDATED, {}, actor_id)


def _default(name: str) -> Any:
    """Null goes back to the default; only these have one."""
    return {"is_active": None, "locale": "ar", "meeting_link_template": None}.get(name, "")


def _check(values: dict[str, Any]) -> None:
    if values.get("is_active", True) is None:
        raise InvalidInputError("An academy is active or it is not.", ("isActive",))
    if "name" in values:
        values["name"] = cleaned(values["name"], LONGEST_NAME, "name")
    if values.get("timezone", "UTC") not in available_timezones() - NOWHERE:
        raise InvalidInputError("No such time zone.", ("timezone",))
    locale = values.get("locale", "ar")
    if not LOCALE.fullmatch(locale) or len(locale) > 35:
        raise InvalidInputError("Not a language tag, such as ar or en-GB.", ("locale",))
    _check_template(values.get("meeting_link_template"))


def _check_template(template: str | None) -> None:
    if template is None:
        return
    scheme = re.fullmatch(r"([a-z][a-z0-9+.-]*)://\S+", template)
    if "{room}" not in template or scheme is None or scheme[1] in SCRIPTS:
        raise InvalidInputError(
            "A link template is a URL with {room} in it.", ("meetingLinkTemplate",)
        )
    if len(template) > 400 or len(template.replace("{room}", LONGEST_ROOM)) > 700:
        raise InvalidInputError("The links would be too long.", ("meetingLinkTemplate",))


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
        changed = _change(settings, checked(values, VIDEO_BOUNDS, _default_of(VideoSettings)))
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
            _tell(draft, actor_id)
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
        moved = times(session.scheduled_at, session.duration_minutes, settings)
        draft.change(**moved, next_transition_at=moved["ready_at"])


async def _review(
    tx: Transaction, settings: VideoSettings, changed: set[str], now: datetime
) -> None:
    """Teachers may not be let into others' sessions any more."""
    if "teachers_join_any_session" in changed and not settings.teachers_join_any_session:
        teachers = User.filter(academy_id=settings.academy_id, role=UserRole.TEACHER)
        await rights.review(tx, [teacher.id for teacher in await teachers], now)


async def update_attendance_policy(
    viewer: Viewer, academy_id: int, values: dict[str, int | None]
) -> Academy:
    """For sessions scheduled from now on: a later change does not rewrite the past."""
    await Academy.fetch_for(viewer, academy_id, Permit.CONFIGURE)
    async with atomic():
        policy = await AttendancePolicy.select_for_update().get(academy_id=academy_id)
        policy.update_from_dict(checked(values, POLICY_BOUNDS, _default_of(AttendancePolicy)))
        if policy.partial_from_percent > policy.present_from_percent:
            raise InvalidInputError("Partial begins below present.", ("partialFromPercent",))
        await policy.save(update_fields=list(POLICY_BOUNDS))
    return await Academy.get(id=academy_id)


def _default_of(settings: type[VideoSettings | AttendancePolicy]) -> Callable[[str], Any]:
    return lambda name: settings._meta.fields_map[name].default
