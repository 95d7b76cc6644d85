"""Rooms at LiveKit: made and deleted as due work, made again when a look finds them missing."""

import logging
from datetime import datetime, timedelta
from typing import TypeAlias

from actions.attendance.folding import refold
from actions.attendance.lines import insert_line, room_line
from actions.attendance.people_inside import look_at_people
from actions.draft import Draft
from actions.leases import give_back, take_lease
from actions.meetings import plan_deletion, say_ended
from actions.stream import load, writing
from domain.errors import LiveKitUnavailableError
from domain.meeting import RoomSpec, room_spec
from domain.presence import from_ms, to_ms
from domain.status import LIVE
from gateways.livekit import IN_BACKGROUND_S, LiveKit, LiveKitRefusedError, Room
from models import Session

logger = logging.getLogger("halaqa.rooms")

Rooms: TypeAlias = LiveKit  # for those who hand it on and know no gateway

LOOK = "look"
LOOK_EVERY = timedelta(seconds=5)


def spec_of(session: Session, now: datetime) -> RoomSpec:
    return room_spec(
        str(session.room_name),
        session.options,
        session_id=session.id,
        ends_at=session.open_until,
        now=now,
    )


async def make_room(
    livekit: LiveKit, session_id: int, now: datetime, timeout_s: float = IN_BACKGROUND_S
) -> None:
    """Have LiveKit make or confirm a live room; LiveKitUnavailableError if it is silent."""
    session = await load(session_id)
    if not session.status.is_live or session.room_name is None:
        return
    try:
        room = await livekit.ensure_room(spec_of(session, now), timeout_s=timeout_s)
    except Exception as error:
        await Session.filter(id=session_id).update(room_error=f"{error}"[:500])
        raise
    async with writing(session_id, now) as draft:
        if not draft.session.status.is_live:  # it ended while LiveKit made the room
            plan_deletion(draft)
            return
        await see(draft, room)
        draft.change(room_ready_at=now, room_error=None)


async def delete_room(
    livekit: LiveKit, session_id: int, now: datetime, timeout_s: float = IN_BACKGROUND_S
) -> None:
    """Have the room of a session that is not live any more closed. One already gone is success."""
    session = await load(session_id)
    if session.status.is_live or session.room_name is None:
        return
    await livekit.delete_room(session.room_name, timeout_s=timeout_s)
    if session.status.is_over and session.meeting_ended_at is None:  # it was left open till now
        async with writing(session_id, now) as draft:
            say_ended(draft, None)


async def see(draft: Draft, room: Room) -> None:
    """LiveKit says this room is there. A new one ends the stays in the one before it."""
    session = draft.session
    if session.room_first_ready_at is None:
        draft.change(room_first_ready_at=min(from_ms(room.created_ms), draft.now))
    if room.sid == session.room_sid or room.created_ms < (session.room_created_ms or 0):
        return
    seen_at = session.room_seen_at
    line = room_line(
        session.id,
        room.sid,
        room.created_ms,
        received_ms=to_ms(draft.now),
        alive_ms=to_ms(seen_at) if seen_at else None,
    )
    if await insert_line(line):
        await refold(draft)
    draft.change(room_sid=room.sid, room_created_ms=room.created_ms, room_seen_at=None)


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
    looked = await look_at_people(livekit, same, now)
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
