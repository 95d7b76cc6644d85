"""Grants: what a person may do in a session's room, by their role and their right to join."""

from collections.abc import Iterable
from datetime import datetime

from domain.access import UserRole, Viewer
from domain.joining import right_refusal
from gateways.livekit_tokens import Grant
from models import Session, User
from models.reading.standing import read_standings_of


def grant_for(viewer: Viewer, session: Session) -> Grant:
    """Return what the viewer's role may do in this session's room."""
    if session.is_managed_by(viewer):
        return Grant(
            can_publish=True,
            can_subscribe=True,
            can_publish_data=True,
            can_share_screen=True,
            room_admin=True,
        )
    if viewer.role is UserRole.PARENT:
        return Grant(can_subscribe=True)
    options = session.options
    return Grant(
        can_publish=True,
        can_subscribe=True,
        can_publish_data=options.chat_enabled,
        can_share_screen=options.screen_sharing_enabled,
    )


async def grants_now(
    people: Iterable[tuple[Session, User]], now: datetime
) -> dict[tuple[int, int], Grant | None]:
    """Compute what a token would grant each person now, by session id and user id.

    None: they would get no token. A reason to wait outside, such as the hour, does not count.
    """
    asked = [(session, user, user.as_viewer()) for session, user in people]
    found = await read_standings_of([(session, viewer) for session, _, viewer in asked], now)
    return {
        (session.id, user.id): grant_for(viewer, session)
        if user.is_active and not right_refusal(found[session.id, user.id])
        else None
        for session, user, viewer in asked
    }


def is_too_much(held: Grant, grant: Grant | None) -> bool:
    """Tell whether a person who came in with `held` has to leave: they would get `grant` now."""
    return grant is None or not held.is_within(grant)
