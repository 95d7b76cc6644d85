"""Looks which rooms are there and who is in them, every 5 s, by one process at a time."""

import logging
from datetime import datetime, timedelta

from actions.attendance.people_inside import reconcile_people
from actions.rooms.room import make_room, see
from actions.writing.leases import give_back, take_lease
from actions.writing.stream import writing
from domain.errors import LiveKitUnavailableError
from domain.status import LIVE
from gateways.livekit import LiveKit, LiveKitRefusedError, Room
from models import Session

logger = logging.getLogger("halaqa.rooms")
LOOK = "look"
LOOK_EVERY = timedelta(seconds=5)


async def take_turn(livekit: LiveKit, now: datetime) -> int | None:
    """Look if no other process has within `LOOK_EVERY`; None where one has."""
    if not await take_lease(LOOK, now, LOOK_EVERY):
        return None
    try:
        return await look_at_rooms(livekit, now)
    except Exception:
        await give_back(LOOK, now)  # whoever asks next looks again, soon
        raise


async def look_at_rooms(livekit: LiveKit, now: datetime) -> int:
    """One look for all: make the rooms again that are missing, ask who is in those that are there,
    and stamp those that answered.

    Raises LiveKitUnavailableError when LiveKit does not answer: then nothing is concluded.
    How many were missing.
    """
    rooms = await livekit.list_rooms()
    sessions = [row for row in await Session.filter(status__in=LIVE) if row.wants_room(now)]
    same = [session for session in sessions if _is_same(session, rooms)]
    alike = {session.id for session in same}
    others = [session for session in sessions if session.id not in alike]
    # First of all: the clients of a room that is gone give up within seconds.
    for session in others:
        await _mend(livekit, session, rooms.get(str(session.room_name)), now)
    looked = await reconcile_people(livekit, same, now)
    if looked:
        await Session.filter(id__in=[session.id for session in looked]).update(room_seen_at=now)
    return sum(session.room_name not in rooms for session in others)


def _is_same(session: Session, rooms: dict[str, Room]) -> bool:
    room = rooms.get(str(session.room_name))
    return room is not None and room.sid == session.room_sid


async def _mend(livekit: LiveKit, session: Session, room: Room | None, now: datetime) -> None:
    """A room that is there under another sid is noted; one that is not there is made again."""
    try:
        if room is None:
            logger.info("room missing, made again", extra={"session": session.id})
            await make_room(livekit, session.id, now)
            return
        async with writing(session.id, now) as draft:
            await see(draft, room)
            draft.change(room_ready_at=now, room_seen_at=now, room_error=None)
    except Exception as error:
        if _is_silent(error):
            raise
        logger.warning("room not mended", exc_info=True, extra={"session": session.id})


def _is_silent(error: Exception) -> bool:
    """LiveKit has stopped to answer, so asking for the next room is of no use."""
    is_livekit = isinstance(error, LiveKitUnavailableError)
    return is_livekit and not isinstance(error, LiveKitRefusedError)
