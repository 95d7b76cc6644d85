"""Academies and their settings."""

import re
from datetime import datetime
from typing import Any
from zoneinfo import available_timezones

from tortoise.exceptions import IntegrityError

from actions.schedule import times
from actions.stream import lock_all, write
from domain.access import Permit, Viewer
from domain.errors import AlreadyExistsError, ForbiddenError, InvalidInputError
from domain.event import SessionEventKind
from domain.status import SessionStatus
from models import Academy, AttendancePolicy, Session, VideoSettings
from models.atomic import atomic

SLUG = re.compile(r"[a-z0-9](-?[a-z0-9])*")
LONGEST_ROOM = "x" * 100  # what a link has to have space for
SCRIPTS = ("javascript", "data", "vbscript")  # links that would run in whoever follows them
LOCALE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")

# Lowest and highest, per setting.
VIDEO_BOUNDS = {
    "ready_minutes_before": (0, 120),
    "completion_buffer_minutes": (0, 60),
    "max_overtime_minutes": (0, 60),
    "default_max_participants": (1, 5000),
    "max_duration_minutes": (1, 1440),
    "empty_timeout_seconds": (1, 86400),
    "token_ttl_minutes": (1, 180),
}
POLICY_BOUNDS = {
    "present_from_percent": (0, 100),
    "partial_from_percent": (0, 100),
    "late_after_minutes": (0, 1440),
    "merge_gap_seconds": (0, 3600),
    "stale_after_minutes": (1, 1440),
}


async def create(viewer: Viewer, values: dict[str, Any], now: datetime) -> Academy:
    if not viewer.may(Permit.FOUND):
        raise ForbiddenError("Your role does not allow this.")
    _check_academy(values)
    try:
        async with atomic():
            academy = await Academy.create(**values, created_at=now)
            await VideoSettings.create(academy_id=academy.id)
            await AttendancePolicy.create(academy_id=academy.id)
    except IntegrityError:
        raise AlreadyExistsError("This slug is taken.", ("slug",)) from None
    return academy


def _check_academy(values: dict[str, Any]) -> None:
    if not SLUG.fullmatch(values["slug"]) or len(values["slug"]) > 63:
        raise InvalidInputError("A slug is small letters, digits and single hyphens.", ("slug",))
    values["name"] = values["name"].strip()
    if not 1 <= len(values["name"]) <= 200:
        raise InvalidInputError("A name has 1 to 200 characters.", ("name",))
    if values["timezone"] not in available_timezones():
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
    viewer: Viewer, academy_id: int, values: dict[str, int | None], now: datetime
) -> Academy:
    """The timers of sessions that are still SCHEDULED move with the settings."""
    await Academy.fetch_for(viewer, academy_id, Permit.CONFIGURE)
    async with atomic() as tx:
        # Held: whoever schedules meanwhile waits, and then sees the new settings.
        settings = await VideoSettings.select_for_update().get(academy_id=academy_id)
        settings.update_from_dict(_checked(VideoSettings, values, VIDEO_BOUNDS))
        await settings.save(update_fields=list(VIDEO_BOUNDS))
        scheduled = Session.filter(academy_id=academy_id, status=SessionStatus.SCHEDULED)
        drafts = await lock_all(scheduled, now)
        for draft in drafts:
            moved = times(draft.session.scheduled_at, draft.session.duration_minutes, settings)
            if moved != {name: getattr(draft.session, name) for name in moved}:
                draft.change(**moved, next_transition_at=moved["ready_at"])
                draft.append(SessionEventKind.UPDATED, {}, viewer.user_id)
        await write(tx, [draft for draft in drafts if draft.events])
    return await Academy.get(id=academy_id)


async def update_attendance_policy(
    viewer: Viewer, academy_id: int, values: dict[str, int | None]
) -> Academy:
    """For sessions scheduled from now on: a later change does not rewrite the past."""
    await Academy.fetch_for(viewer, academy_id, Permit.CONFIGURE)
    async with atomic():
        policy = await AttendancePolicy.select_for_update().get(academy_id=academy_id)
        policy.update_from_dict(_checked(AttendancePolicy, values, POLICY_BOUNDS))
        if policy.partial_from_percent > policy.present_from_percent:
            raise InvalidInputError("Partial begins below present.", ("partialFromPercent",))
        await policy.save(update_fields=list(POLICY_BOUNDS))
    return await Academy.get(id=academy_id)


def _checked(
    settings: type[VideoSettings | AttendancePolicy],
    values: dict[str, int | None],
    bounds: dict[str, tuple[int, int]],
) -> dict[str, int]:
    """Each value within its bounds; null goes back to the default."""
    checked = {}
    for name, value in values.items():
        low, high = bounds[name]
        number = settings._meta.fields_map[name].default if value is None else value
        if not low <= number <= high:
            raise InvalidInputError(f"Between {low} and {high}.", (_camel(name),))
        checked[name] = number
    return checked


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
