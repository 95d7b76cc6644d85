"""Changes an academy: its name, zone, locale and link template, and whether it is active."""

import re
from datetime import datetime
from typing import Any

from tortoise.expressions import Q

import settings
from actions.writing.bulk import lock_for_lists
from actions.writing.meeting import retry_meeting
from actions.writing.stream import lock_all, write
from domain.access import Permit, Viewer
from domain.errors import InvalidInputError, NotFoundError
from domain.links import scheme_of
from domain.status import AHEAD, OPEN
from domain.text import cleaned
from models import Academy, Session
from models.database.atomic import atomic
from zones import zone_names

NAME_MAX_CHARS = 200
LOCALE_MAX_CHARS = 35
TEMPLATE_MAX_CHARS = 400
LINK_MAX_CHARS = 700
LONG_ROOM_NAME = "x" * 100  # no room has a longer name, and its link must not be too long
LOCALE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")


async def update_academy(
    viewer: Viewer, academy_id: int, values: dict[str, Any], now: datetime
) -> Academy:
    """Change an academy's name, zone, locale, link template, or whether it is active.

    Another zone, or being active again, retries the sessions that were refused a meeting. Links
    that exist stay as they are. Nobody is absent from a session that had not started when its
    academy stopped, unless the academy is active again before the session's end.
    """
    stored = await Academy.fetch_for(viewer, academy_id, Permit.CONFIGURE)
    # The template that is stored stays, even if it is no longer allowed.
    given = dict(values.items() - {("meeting_link_template", stored.meeting_link_template)})
    check_values(given)
    async with atomic() as tx:
        await lock_for_lists([academy_id])
        academy = await Academy.get(id=academy_id)
        await academy.update_from_dict(given).save(update_fields=list(given) or ["name"])
        if not given.keys() & {"timezone", "is_active"}:
            return academy
        refused = Q(status__in=OPEN, meeting_refusal__isnull=False)
        closed = Q(status__in=OPEN, closed_from__isnull=False)
        which = refused | (closed if academy.is_active else Q(status__in=AHEAD))
        drafts = await lock_all(Session.filter(which, academy_id=academy.id), now)
        for draft in drafts:
            session = draft.session
            if session.meeting_refusal is not None:
                retry_meeting(draft)
                draft.append_update(viewer.user_id)
            if not academy.is_active and session.status.is_ahead:
                draft.change(closed_from=session.closed_from or now)
            elif academy.is_active and now < session.ends_at:
                draft.change(closed_from=None)
        await write(tx, drafts, now)
    return academy


async def authorise(viewer: Viewer, academy_id: int | None) -> int:
    """Return the academy's id if the viewer may configure it; a bulk's refusal names the field."""
    if academy_id is None:
        raise InvalidInputError("Of which academy?", ("academyId",))
    try:
        return (await Academy.fetch_for(viewer, academy_id, Permit.CONFIGURE)).id
    except NotFoundError as error:
        raise error.under("academyId") from None


def check_values(values: dict[str, Any]) -> None:
    """Raise INVALID_INPUT for a value that no academy may have.

    The name is stripped in place, and an empty template becomes None.
    """
    if "name" in values:
        values["name"] = cleaned(values["name"], NAME_MAX_CHARS, "name")
    if values.get("timezone", "UTC") not in zone_names():
        raise InvalidInputError("No such time zone.", ("timezone",))
    locale = values.get("locale", "ar")
    if not LOCALE.fullmatch(locale) or len(locale) > LOCALE_MAX_CHARS:
        raise InvalidInputError("Not a language tag, such as ar or en-GB.", ("locale",))
    template = values.get("meeting_link_template")
    if template == "":
        values["meeting_link_template"] = None
    if not template:
        return
    scheme = scheme_of(template)
    if scheme is None:
        raise InvalidInputError(
            "A link template is a URL with {room} in it.", ("meetingLinkTemplate",)
        )
    if scheme not in (allowed := settings.current().link_schemes):
        message = f"Links begin with {' or '.join(f'{one}://' for one in allowed)}."
        raise InvalidInputError(message, ("meetingLinkTemplate",))
    link = template.replace("{room}", LONG_ROOM_NAME)
    if len(template) > TEMPLATE_MAX_CHARS or len(link) > LINK_MAX_CHARS:
        raise InvalidInputError("The links would be too long.", ("meetingLinkTemplate",))
