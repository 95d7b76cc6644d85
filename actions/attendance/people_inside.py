"""Reconciles attendance with LiveKit's lists of the people in its rooms, after lost webhooks."""

import asyncio
import json
import logging
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from actions.admittance.barring import put_out
from actions.attendance.reconciliation import reconcile_session
from domain.attendance.fold import Confidence, Presence
from domain.errors import LiveKitUnavailableError
from domain.rooms import user_number
from gateways.livekit import LiveKit, Participant
from models import Session
from models.database import sql
from models.reading.ignored_stays import StayKey, find_ignored_stays

logger = logging.getLogger("halaqa.rooms")

ROOMS_AT_ONCE = 10
ROOM_TIMEOUT_S = 2.0
ALL_ROOMS_TIMEOUT_S = 4.0  # so that the next round is not late

There = dict[StayKey, Participant]
Listed = dict[int, There]


@dataclass(slots=True)
class Known:
    """The people whom our tables have in one session's room."""

    stays: set[StayKey] = field(default_factory=set)
    unknown: set[int] = field(default_factory=set)  # whose open stays are not stored
    # Somebody was missed, or only their page says that they left, or our door was shut since.
    is_doubtful: bool = False


async def reconcile_people(
    livekit: LiveKit, sessions: Iterable[Session], now: datetime
) -> list[Session]:
    """Compare the people in the rooms of these sessions with those we know of; store differences.

    Return the sessions that are reconciled: not those whose rooms gave no answer, of which nothing
    is concluded, nor those that could not be stored.
    """
    rooms = {session.id: session for session in sessions}
    listed = await _list_people(livekit, rooms.values())
    known = await _known(list(listed))
    news = {
        session_id: [place for place in there if place not in known[session_id].stays]
        for session_id, there in listed.items()
    }
    # Strangers, and people who have left by LiveKit's own word, make no difference.
    idle = await find_ignored_stays(rooms, news)
    reconciled, inside = [], []
    for session_id, everybody in listed.items():
        session, ours = rooms[session_id], known[session_id]
        there = {at: one for at, one in everybody.items() if (session_id, at) not in idle}
        inside.extend([(session_id, user_id, one.grant) for (user_id, _), one in there.items()])
        try:
            if set(there) != ours.stays or ours.is_doubtful:
                await reconcile_session(session, there, now, ours.unknown)
            reconciled.append(session)
        except Exception:  # one session's fault keeps no other from being reconciled
            logger.warning("people not looked at", exc_info=True, extra={"session": session_id})
    try:
        await put_out(rooms, inside, now)
    except Exception:  # the attendance that was stored stands
        logger.warning("rights of people inside not looked at", exc_info=True)
    return reconciled


async def _list_people(livekit: LiveKit, sessions: Iterable[Session]) -> Listed:
    """Ask LiveKit who is in each session's room; leave out the rooms that give no answer."""
    gate = asyncio.Semaphore(ROOMS_AT_ONCE)
    asked = {asyncio.create_task(_list_room(livekit, one, gate)): one.id for one in sessions}
    if not asked:
        return {}
    try:
        done, _ = await asyncio.wait(asked, timeout=ALL_ROOMS_TIMEOUT_S)
    finally:
        for task in asked:
            task.cancel()
    answers = {asked[task]: task.result() for task in done}
    return {session_id: there for session_id, there in answers.items() if there is not None}


async def _list_room(livekit: LiveKit, session: Session, gate: asyncio.Semaphore) -> There | None:
    async with gate:
        try:
            found = await livekit.list_participants(
                str(session.room_name), timeout_s=ROOM_TIMEOUT_S
            )
        except LiveKitUnavailableError as error:
            told = {"session": session.id, "reason": f"{error}"}
            logger.info("people of a room unknown", extra=told)
            return None
    inside = [one for one in found if one.is_inside and one.is_person]
    numbered = [(user_number(one.identity), one) for one in inside]
    return {(number, one.sid): one for number, one in numbered if number}


PEOPLE_INSIDE = """
SELECT p.session_id, p.user_id, p.missed,
       a.open_sids, a.confidence, a.presence, a.joined_since_ms, a.bounds
FROM session_participants p LEFT JOIN meeting_attendances a ON a.participant_id = p.id
WHERE p.session_id IN ({ids}) AND (
    a.presence = 'IN_MEETING' OR a.confidence = 'REPORTED' OR p.missed IS NOT NULL
)
"""


async def _known(session_ids: list[int]) -> dict[int, Known]:
    """Read the known people of all sessions in one statement: the cost of a round without news."""
    known: dict[int, Known] = defaultdict(Known)
    for some in sql.batches(session_ids):
        for row in await sql.query(PEOPLE_INSIDE.format(ids=sql.places(len(some))), *some):
            one, user_id = known[row["session_id"]], row["user_id"]
            sids, bounds = json.loads(row["open_sids"] or "null"), json.loads(row["bounds"] or "{}")
            if sids is None and row["presence"] == Presence.IN_MEETING:
                one.unknown.add(user_id)
            stays = {(user_id, sid) for sid in sids or ()}
            one.stays |= stays
            is_missed = row["missed"] not in (None, "null")
            is_reported_over = bool(stays) and row["confidence"] == Confidence.REPORTED
            is_sure = not bounds or bounds["at_least_since_ms"] is not None
            is_unsure = row["joined_since_ms"] is not None and not is_sure
            is_doubtful = is_missed or is_reported_over or is_unsure or bool(one.unknown)
            one.is_doubtful = one.is_doubtful or is_doubtful
    return known
