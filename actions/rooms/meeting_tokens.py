"""Meeting tokens: by role, only into a session that is open, also while LiveKit does not answer."""

import json
import logging
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from actions.admittance.grants import grant_for
from actions.attendance.folding import catch_up
from actions.rooms.room import make_room
from actions.writing.meeting import make_meeting
from actions.writing.stream import writing
from domain.access import Permit, Viewer
from domain.configuration import TOKEN_MAX_MINUTES
from domain.errors import LiveKitUnavailableError
from domain.session import MeetingSource, WorkKind
from gateways.livekit import WHILE_SOMEBODY_WAITS_S, LiveKit
from gateways.livekit_tokens import Admission, Grant, identity_of, mint
from models import Session, User
from models.reading.joining import check_joining
from settings import Settings

logger = logging.getLogger("halaqa.tokens")


@dataclass(frozen=True, slots=True)
class Wish:
    """What the client asks for; it never adds to what the role grants."""

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
class Door:
    """What issuing needs of the process: LiveKit and how it is reached."""

    livekit: LiveKit
    settings: Settings


async def create_meeting_token(
    door: Door, viewer: Viewer, session_id: int, wish: Wish, now: datetime
) -> MeetingToken:
    """A token for the viewer; or the refusal that the session shows them as `joinRefusal`."""
    session = await _fetch(viewer, session_id, now)
    await check_joining(viewer, session, now)
    is_ensured = await _ensure(door.livekit, viewer, session, now)
    session = await Session.get(id=session_id).select_related("academy__video_settings")
    # Asking LiveKit took a while: the session may be cancelled, or the viewer barred.
    await check_joining(viewer, session, now)
    user = await User.get(id=viewer.user_id)
    admission = _admission(session, user, _narrowed(grant_for(viewer, session), wish))
    expires_at = _expiry(session, now)
    return MeetingToken(
        access_token=_signed(door.settings, admission, now, expires_at),
        server_url=door.settings.livekit_url,
        admission=admission,
        is_room_ensured=is_ensured,
        expires_at=expires_at,
    )


async def _fetch(viewer: Viewer, session_id: int, now: datetime) -> Session:
    """The session as it should be now: one that is overdue is advanced first."""
    session = await Session.fetch_for(viewer, session_id, Permit.SEE)
    if session.is_overdue(now):
        await _heal(session_id, now)
        session = await Session.fetch_for(viewer, session_id, Permit.SEE)
    return session


async def _heal(session_id: int, now: datetime) -> None:
    """Wait for whoever moves it already: of many who come in its first second, all come in."""
    try:
        async with writing(session_id, now) as draft:
            await catch_up(draft)
    except Exception:
        logger.warning("overdue session not healed", exc_info=True, extra={"session": session_id})


async def _ensure(livekit: LiveKit, viewer: Viewer, session: Session, now: datetime) -> bool:
    """Whether LiveKit confirmed the room while somebody waits; if not, it is work that follows."""
    session_id = session.id
    if session.meeting_id is None:
        await _make_meeting(session_id, now, is_person=session.is_managed_by(viewer))
    try:
        await make_room(livekit, session_id, now, WHILE_SOMEBODY_WAITS_S)
    except LiveKitUnavailableError:
        logger.warning("token issued without a room", extra={"session": session_id})
        async with writing(session_id, now) as draft:
            draft.plan(WorkKind.MAKE_ROOM, now)
        return False
    return True


async def _make_meeting(session_id: int, now: datetime, *, is_person: bool) -> None:
    async with writing(session_id, now) as draft:
        if draft.session.status.is_live:
            make_meeting(draft, MeetingSource.TOKEN, None, is_person=is_person)


def _narrowed(grant: Grant, wish: Wish) -> Grant:
    publishes = grant.can_publish and wish.can_publish
    return replace(
        grant,
        can_publish=publishes,
        can_share_screen=grant.can_share_screen and publishes,
        can_subscribe=grant.can_subscribe and wish.can_subscribe,
    )


def _admission(session: Session, user: User, grant: Grant) -> Admission:
    told = {"name": user.display_name, "role": user.role, "userId": user.id}
    return Admission(
        room_name=str(session.room_name),
        identity=identity_of(user.id, user.first_name, user.last_name),
        name=user.display_name,
        metadata=json.dumps(told, ensure_ascii=False),
        grant=grant,
    )


def _expiry(session: Session, now: datetime) -> datetime:
    minutes = min(session.academy.video_settings.token_ttl_minutes, TOKEN_MAX_MINUTES)
    return now.replace(microsecond=0) + timedelta(minutes=minutes)


def _signed(settings: Settings, admission: Admission, now: datetime, expires_at: datetime) -> str:
    secret = settings.livekit_api_secret.get_secret_value()
    return mint(settings.livekit_api_key, secret, admission, now=now, expires_at=expires_at)
