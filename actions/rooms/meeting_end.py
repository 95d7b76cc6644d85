"""Ends a meeting when a person asks: its session is over, its room goes."""

import logging
from datetime import datetime

from actions.attendance.folding import advance_if_due, close_stays
from actions.rooms.room import delete_room
from actions.writing.meeting import plan_deletion, say_ended
from actions.writing.moves import Because, move_to
from actions.writing.stream import writing
from domain.access import Permit, Viewer
from domain.errors import LiveKitUnavailableError, WrongStatusError
from domain.status import SessionStatus, TransitionCause
from gateways.livekit import WHILE_SOMEBODY_WAITS_S, LiveKit
from models import Session

logger = logging.getLogger("halaqa.meetings")


async def end_meeting(livekit: LiveKit, viewer: Viewer, session_id: int, now: datetime) -> Session:
    """Its session is completed, and everybody put out; where LiveKit is silent, as soon as it
    answers. Asked for again, also of a meeting that is over, it does no more."""
    await Session.fetch_for(viewer, session_id, Permit.MANAGE)
    async with writing(session_id, now) as draft:
        await advance_if_due(draft)
        _check_begun(draft.session)
        if draft.session.status.is_live:
            move_to(
                draft,
                SessionStatus.COMPLETED,
                Because(TransitionCause.PERSON, viewer.user_id),
            )
            await close_stays(draft)
        say_ended(draft, viewer.user_id)
        plan_deletion(draft)
    await _try_to_delete(livekit, session_id, now)
    return draft.session


def _check_begun(session: Session) -> None:
    if session.status in (SessionStatus.SCHEDULED, SessionStatus.CANCELLED):
        raise WrongStatusError(f"A session that is {session.status} has no meeting to end.")


async def _try_to_delete(livekit: LiveKit, session_id: int, now: datetime) -> None:
    try:
        await delete_room(livekit, session_id, now, WHILE_SOMEBODY_WAITS_S)
    except LiveKitUnavailableError:  # what is planned goes on until it is gone
        logger.warning("meeting ended, its room is still there", extra={"session": session_id})
