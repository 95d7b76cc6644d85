"""Ends a meeting when a person asks: its session is over, its room goes."""

import logging
from datetime import datetime

from actions.attendance.folding import advance_if_due, close_stays
from actions.rooms.room import delete_room
from actions.writing.meeting import delete_room_later, mark_meeting_ended
from actions.writing.moves import Because, move_to
from actions.writing.stream import managing
from domain.access import Viewer
from domain.errors import LiveKitUnavailableError, WrongStatusError
from domain.status import SessionStatus, TransitionCause
from gateways.livekit import WHILE_SOMEBODY_WAITS_S, LiveKit
from models import Session

logger = logging.getLogger("halaqa.meetings")


async def end_meeting(livekit: LiveKit, viewer: Viewer, session_id: int, now: datetime) -> Session:
    """Complete the session and close its room, or have it closed as soon as LiveKit answers.

    Ending a meeting that has ended changes nothing.
    """
    async with managing(viewer, session_id, now) as draft:
        await advance_if_due(draft)
        status = draft.session.status
        if status in (SessionStatus.SCHEDULED, SessionStatus.CANCELLED):
            raise WrongStatusError(f"A session that is {status} has no meeting to end.")
        if status.is_live:
            because = Because(TransitionCause.PERSON, viewer.user_id)
            move_to(draft, SessionStatus.COMPLETED, because)
            await close_stays(draft)
        mark_meeting_ended(draft, viewer.user_id)
        delete_room_later(draft)
    try:
        await delete_room(livekit, session_id, now, WHILE_SOMEBODY_WAITS_S)
    except LiveKitUnavailableError:  # the due work goes on until the room is gone
        logger.warning("meeting ended, its room is still there", extra={"session": session_id})
    return draft.session
