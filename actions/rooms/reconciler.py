"""Compares our live sessions with LiveKit's rooms every 5 s, one process at a time."""

import logging
from datetime import datetime, timedelta

from actions.attendance.people_inside import reconcile_people
from actions.rooms.room import make_room, record_room
from actions.writing.leases import release_lease, take_lease
from actions.writing.stream import writing
from domain.errors import LiveKitUnavailableError
from domain.status import LIVE
from gateways.livekit import LiveKit, LiveKitRefusedError, Room
from models import Session

logger = logging.getLogger("halaqa.rooms")

LEASE = "reconciler"  # the name of its row in `leases`
RECONCILE_EVERY = timedelta(seconds=5)


async def reconcile_in_turn(livekit: LiveKit, now: datetime) -> int | None:
    """Reconcile, unless a process did so within `RECONCILE_EVERY`: then return None."""
    if not await take_lease(LEASE, now, RECONCILE_EVERY):
        return None
    try:
        return await reconcile_rooms(livekit, now)
    except Exception:
        await release_lease(LEASE, now)  # the next process that asks tries again soon
        raise


async def reconcile_rooms(livekit: LiveKit, now: datetime) -> int:
    """Repair rooms that are gone or new, then reconcile the people of all other rooms.

    Return how many rooms were missing. Raise LiveKitUnavailableError when LiveKit does not
    answer: then nothing is concluded.
    """
    rooms = await livekit.list_rooms()
    sessions = [row for row in await Session.filter(status__in=LIVE) if row.wants_room(now)]
    known, missing = [], 0
    # Repairs come first: the clients of a room that is gone give up within seconds.
    for session in sessions:
        room = rooms.get(str(session.room_name))
        if room is not None and room.sid == session.room_sid:
            known.append(session)
            continue
        missing += room is None
        await _repair_room(livekit, session, room, now)
    answered = await reconcile_people(livekit, known, now)
    if answered:
        # Of a session that ended meanwhile nobody was known to be inside, so nobody was missed.
        ids = [session.id for session in answered]
        await Session.filter(id__in=ids, status__in=LIVE).update(room_seen_at=now)
    return missing


async def _repair_room(
    livekit: LiveKit, session: Session, room: Room | None, now: datetime
) -> None:
    """Make a missing room again; record a room that is there under another sid."""
    try:
        if room is None:
            logger.info("room missing, made again", extra={"session": session.id})
            await make_room(livekit, session.id, now)
            return
        async with writing(session.id, now) as draft:
            await record_room(draft, room)
            draft.change(room_ready_at=now, room_seen_at=now, room_error=None)
    except Exception as error:
        has_answered = isinstance(error, LiveKitRefusedError)
        if isinstance(error, LiveKitUnavailableError) and not has_answered:
            raise  # LiveKit is silent: asking for the next room is of no use
        logger.warning("room not mended", exc_info=True, extra={"session": session.id})
