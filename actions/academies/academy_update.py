"""Changes an academy: its name, its zone, whether it is active."""

import re
from datetime import datetime
from typing import Any
from zoneinfo import available_timezones

from tortoise.expressions import Q

from actions.writing.bulk import take_turns
from actions.writing.draft import Draft
from actions.writing.meeting import ask_again
from actions.writing.stream import lock_all, write
from domain.access import Permit, Viewer
from domain.errors import InvalidInputError
from domain.status import AHEAD, OPEN
from domain.text import cleaned
from models import Academy, Session
from models.database.atomic import atomic

LONGEST_NAME = 200
LONGEST_ROOM = "x" * 100  # what a link has to have space for
SCRIPTS = ("javascript", "data", "vbscript")  # links that would run in whoever follows them
NOWHERE = {"localtime", "Factory"}  # files beside the zones: each host's own, and none at all
LOCALE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")

REFUSED = Q(status__in=OPEN, meeting_refusal__isnull=False)


async def update_academy(
    viewer: Viewer, academy_id: int, values: dict[str, Any], now: datetime
) -> Academy:
    """Sessions that were refused a meeting are tried again when the zone changes or the academy
    is active again. Links that are made already stay as they are.

    Nobody is absent from a session that had not begun when its academy stopped, unless the academy
    is active again before the session's end.
    """
    await Academy.fetch_for(viewer, academy_id, Permit.CONFIGURE)
    values = {name: _default(name) if value is None else value for name, value in values.items()}
    check_values(values)
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
            draft.tell_update(actor_id)
        _close_or_reopen(draft)
    return drafts


def _close_or_reopen(draft: Draft) -> None:
    """Stamp what has not begun while its academy is not active; take it off what has not ended."""
    session = draft.session
    if not session.academy.is_active and session.status.is_ahead:
        draft.change(closed_from=session.closed_from or draft.now)
    elif session.academy.is_active and draft.now < session.ends_at:
        draft.change(closed_from=None)


def _default(name: str) -> Any:
    """Null goes back to the default; only these have one."""
    return {"is_active": None, "locale": "ar", "meeting_link_template": None}.get(name, "")


def check_values(values: dict[str, Any]) -> None:
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
