"""Rooms at LiveKit: due work makes and deletes them, the reconciler makes missing ones again."""

from datetime import datetime

from actions.attendance.folding import refold
from actions.attendance.lines import insert_line, room_line
from actions.writing.draft import Draft
from actions.writing.meeting import delete_room_later, mark_meeting_ended
from actions.writing.stream import load, writing
from domain.attendance.state import from_ms, to_ms
from domain.meeting import RoomSpec, room_spec
from gateways.livekit import IN_BACKGROUND_S, LiveKit, Room
from models import Session


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
    """Make or confirm the room of a live session. LiveKitUnavailableError if LiveKit is silent."""
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
            delete_room_later(draft)
            return
        await record_room(draft, room)
        draft.change(room_ready_at=now, room_error=None)


async def delete_room(
    livekit: LiveKit, session_id: int, now: datetime, timeout_s: float = IN_BACKGROUND_S
) -> None:
    """Delete the room of a session that is not live any more. A room that is gone is a success."""
    session = await load(session_id)
    if session.status.is_live or session.room_name is None:
        return
    await livekit.delete_room(session.room_name, timeout_s=timeout_s)
    if session.status.is_over and session.meeting_ended_at is None:  # it was left open till now
        async with writing(session_id, now) as draft:
            mark_meeting_ended(draft, None)


async def record_room(draft: Draft, room: Room) -> None:
    """Store that LiveKit has this room. A new one ends the stays in the one before it."""
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
