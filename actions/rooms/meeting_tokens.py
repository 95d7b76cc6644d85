"""Issues meeting tokens: by role, for open sessions only, also while LiveKit does not answer."""

import json
import logging
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from actions.admittance.grants import grant_for
from actions.attendance.folding import advance_if_due
from actions.rooms.room import make_room
from actions.writing.meeting import make_meeting
from actions.writing.stream import writing
from domain.access import Permit, Viewer
from domain.configuration import TOKEN_MAX_MINUTES
from domain.errors import LiveKitUnavailableError
from domain.session import MeetingSource, WorkKind
from gateways.livekit import WHILE_SOMEBODY_WAITS_S, LiveKit
from gateways.livekit_tokens import Admission, identity_of, mint
from models import Session, User
from models.reading.joining import check_joining
from settings import Settings

logger = logging.getLogger("halaqa.tokens")


@dataclass(frozen=True, slots=True)
class Wish:
    """Rights that the client asks for. They never add to what the role grants."""

    can_publish: bool = True
    can_subscribe: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class MeetingToken:
    access_token: str
    server_url: str
    admission: Admission
    is_room_ensured: bool
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Venue:
    """LiveKit, where the rooms are, and the settings of this process: a token needs both."""

    livekit: LiveKit
    settings: Settings


async def create_meeting_token(
    venue: Venue, viewer: Viewer, session_id: int, wish: Wish, now: datetime
) -> MeetingToken:
    """Issue a token for the viewer, or raise the refusal that they read as `joinRefusal`."""
    session = await Session.fetch_for(viewer, session_id, Permit.SEE)
    if session.is_overdue(now):
        try:  # waits for the process that advances it already, so that early comers get in
            async with writing(session_id, now) as draft:
                await advance_if_due(draft)
        except Exception:
            extra = {"session": session_id}
            logger.warning("overdue session not healed", exc_info=True, extra=extra)
        session = await Session.fetch_for(viewer, session_id, Permit.SEE)
    await check_joining(viewer, session, now)
    is_room_ensured = await _ensure_room(venue.livekit, viewer, session, now)
    session = await Session.get(id=session_id).select_related("academy__video_settings")
    # Asking LiveKit took a while: the session may be cancelled, or the viewer barred.
    await check_joining(viewer, session, now)
    admission = _admission(session, await User.get(id=viewer.user_id), viewer, wish)
    minutes = min(session.academy.video_settings.token_ttl_minutes, TOKEN_MAX_MINUTES)
    expires_at = now.replace(microsecond=0) + timedelta(minutes=minutes)
    key, secret = venue.settings.livekit_api_key, venue.settings.livekit_api_secret
    return MeetingToken(
        access_token=mint(
            key, secret.get_secret_value(), admission, now=now, expires_at=expires_at
        ),
        server_url=venue.settings.livekit_url,
        admission=admission,
        is_room_ensured=is_room_ensured,
        expires_at=expires_at,
    )


async def _ensure_room(livekit: LiveKit, viewer: Viewer, session: Session, now: datetime) -> bool:
    """Make the meeting and its room. False where LiveKit is silent: then the room is due work."""
    session_id = session.id
    if session.meeting_id is None:
        async with writing(session_id, now) as draft:
            if draft.session.status.is_live:
                is_manager = draft.session.is_managed_by(viewer)
                make_meeting(draft, MeetingSource.TOKEN, None, is_person=is_manager)
    try:
        await make_room(livekit, session_id, now, WHILE_SOMEBODY_WAITS_S)
    except LiveKitUnavailableError:
        logger.warning("token issued without a room", extra={"session": session_id})
        async with writing(session_id, now) as draft:
            draft.add_work(WorkKind.MAKE_ROOM, now)
        return False
    return True


def _admission(session: Session, user: User, viewer: Viewer, wish: Wish) -> Admission:
    """Name the person and their rights in the room: the role's, without what they do not want."""
    grant = grant_for(viewer, session)
    can_publish = grant.can_publish and wish.can_publish
    metadata = {"name": user.display_name, "role": user.role, "userId": user.id}
    return Admission(
        room_name=str(session.room_name),
        identity=identity_of(user.id, user.first_name, user.last_name),
        name=user.display_name,
        metadata=json.dumps(metadata, ensure_ascii=False),
        grant=replace(
            grant,
            can_publish=can_publish,
            can_share_screen=grant.can_share_screen and can_publish,
            can_subscribe=grant.can_subscribe and wish.can_subscribe,
        ),
    )
