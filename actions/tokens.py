"""Meeting tokens: by role, only into a session that is open, also while LiveKit does not answer."""

import json
import logging
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from actions.meetings import make_meeting
from actions.rooms import make_room
from actions.stream import writing
from actions.sweep import advance_among
from domain.access import Permit, UserRole, Viewer
from domain.attendance import Presence
from domain.errors import LiveKitUnavailableError, RoomFullError
from domain.joining import join_refusal
from domain.meeting import MeetingOptions
from domain.session import MeetingSource, WorkKind
from gateways.livekit import WHILE_SOMEBODY_WAITS_S, LiveKit
from gateways.livekit_tokens import Admission, Grant, identity_of, mint
from models import MeetingAttendance, Session, User
from models.session import joinable_by
from settings import Settings

logger = logging.getLogger("halaqa.tokens")

LONGEST = timedelta(hours=3)


@dataclass(frozen=True, slots=True)
class Wish:
    """What the client asks for; it never adds to what the role grants."""

    can_publish: bool = True
    can_subscribe: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class MeetingToken:
    access_token: str
    server_url: str
    room_name: str
    identity: str
    grant: Grant
    is_room_ensured: bool
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Door:
    """What issuing needs of the process: LiveKit and how it is reached."""

    livekit: LiveKit
    settings: Settings


async def create_token(
    door: Door, viewer: Viewer, session_id: int, wish: Wish, now: datetime
) -> MeetingToken:
    """A token for the viewer; or the refusal the session shows as `joinRefusal`, or ROOM_FULL."""
    await advance_among([session_id], now)
    session = await Session.fetch_for(viewer, session_id, Permit.SEE)
    await _check(viewer, session)
    is_ensured = await _ensure(door.livekit, session_id, now)
    session = await Session.get(id=session_id).select_related("academy__video_settings")
    user = await User.get(id=viewer.user_id)
    grant = _narrowed(grant_for(viewer, session), wish)
    return _issue(door.settings, session, user, grant, is_ensured, now)


async def _check(viewer: Viewer, session: Session) -> None:
    await session.fetch_related("academy")
    manages = session.is_managed_by(viewer)
    may_join = manages or session.id in await joinable_by(viewer, [session.id])
    refusal = join_refusal(
        session.status, may_join=may_join, is_academy_active=session.academy.is_active
    )
    if refusal:
        raise refusal
    if not manages:
        await _check_space(viewer, session)


async def _check_space(viewer: Viewer, session: Session) -> None:
    """LiveKit answers a full room with a bare 500, so it is said here."""
    if session.meeting_options is None:
        return
    inside = MeetingAttendance.filter(session_id=session.id, presence=Presence.IN_MEETING)
    others = await inside.exclude(participant__user_id=viewer.user_id).count()
    if others >= MeetingOptions.from_dict(session.meeting_options).max_participants:
        raise RoomFullError("The room is full.")


async def _ensure(livekit: LiveKit, session_id: int, now: datetime) -> bool:
    """Whether LiveKit confirmed the room while somebody waits; if not, it is work that follows."""
    async with writing(session_id, now) as draft:
        if draft.session.meeting_id is None:
            make_meeting(draft, MeetingSource.TOKEN, None)
    try:
        await make_room(livekit, session_id, now, WHILE_SOMEBODY_WAITS_S)
    except LiveKitUnavailableError:
        logger.warning("token issued without a room", extra={"session": session_id})
        async with writing(session_id, now) as draft:
            draft.plan(WorkKind.MAKE_ROOM, now)
        return False
    return True


def grant_for(viewer: Viewer, session: Session) -> Grant:
    """What the role may do in this session's room."""
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
    options = MeetingOptions.from_dict(session.meeting_options or {})
    return Grant(
        can_publish=True,
        can_subscribe=True,
        can_publish_data=options.chat_enabled,
        can_share_screen=options.screen_sharing_enabled,
    )


def _narrowed(grant: Grant, wish: Wish) -> Grant:
    publishes = grant.can_publish and wish.can_publish
    return replace(
        grant,
        can_publish=publishes,
        can_share_screen=grant.can_share_screen and publishes,
        can_subscribe=grant.can_subscribe and wish.can_subscribe,
    )


def _issue(
    settings: Settings,
    session: Session,
    user: User,
    grant: Grant,
    is_room_ensured: bool,
    now: datetime,
) -> MeetingToken:
    identity = identity_of(user.id, user.first_name, user.last_name)
    ttl = timedelta(minutes=session.academy.video_settings.token_ttl_minutes)
    expires_at = now.replace(microsecond=0) + min(ttl, LONGEST)
    told = {"name": user.display_name, "role": user.role, "userId": user.id}
    admission = Admission(
        room_name=str(session.room_name),
        identity=identity,
        name=user.display_name,
        metadata=json.dumps(told, ensure_ascii=False),
        grant=grant,
    )
    secret = settings.livekit_api_secret.get_secret_value()
    return MeetingToken(
        access_token=mint(
            settings.livekit_api_key, secret, admission, now=now, expires_at=expires_at
        ),
        server_url=settings.livekit_url,
        room_name=admission.room_name,
        identity=identity,
        grant=grant,
        is_room_ensured=is_room_ensured,
        expires_at=expires_at,
    )
