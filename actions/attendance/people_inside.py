"""Who is in the rooms, as LiveKit lists them: what its webhooks missed is repaired, both ways."""

import asyncio
import json
import logging
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from actions.admittance.barring import put_out
from actions.attendance.conclusions import conclude
from domain.attendance.fold import Confidence
from domain.errors import LiveKitUnavailableError
from domain.rooms import user_number
from gateways.livekit import LiveKit, Participant
from models import Session
from models.database import sql
from models.reading.ignored_stays import StayKey, find_ignored_stays

logger = logging.getLogger("halaqa.rooms")

AT_ONCE = 10
ASK_FOR_S = 2.0
ASK_ALL_FOR_S = 4.0  # all of them, so that the next look is not late

There = dict[StayKey, Participant]
Listed = dict[int, There]


@dataclass(slots=True)
class Known:
    """What our tables say of one session's people."""

    stays: set[StayKey] = field(default_factory=set)
    is_doubtful: bool = False  # somebody was missed, or only their page says that they left


async def look_at_people(
    livekit: LiveKit, sessions: Iterable[Session], now: datetime
) -> list[Session]:
    """Compare who is in the rooms of these sessions with whom we know to be; those that answered.

    Of a room that gives no answer nothing is concluded.
    """
    rooms = {session.id: session for session in sessions}
    listed = await _list_all(livekit, rooms.values())
    known = await _known(list(listed))
    listed = await _without_idle(rooms, listed, known)
    looked = []
    for session_id, there in listed.items():
        differs = _differs(there, known[session_id])
        if not differs or await _conclude(rooms[session_id], there, now):
            looked.append(rooms[session_id])
    await _put_out(rooms, listed, now)
    return looked


def _differs(there: There, known: Known) -> bool:
    return set(there) != known.stays or known.is_doubtful


async def _put_out(rooms: dict[int, Session], listed: Listed, now: datetime) -> None:
    """Whoever is in a room and has not, or not any more, the right to all that they may do there.
    If it fails, what was found about attendance stands."""
    inside = [
        (session_id, user_id, person.grant)
        for session_id, there in listed.items()
        for (user_id, _), person in there.items()
    ]
    try:
        await put_out(rooms, inside, now)
    except Exception:
        logger.warning("rights of people inside not looked at", exc_info=True)


async def _without_idle(
    rooms: dict[int, Session], listed: Listed, known: dict[int, Known]
) -> Listed:
    """Who is nobody of ours, or has left by LiveKit's own word, makes no difference."""
    news = {
        session_id: [place for place in there if place not in known[session_id].stays]
        for session_id, there in listed.items()
    }
    idle = await find_ignored_stays(rooms, news)
    return {
        session_id: {at: who for at, who in there.items() if (session_id, at) not in idle}
        for session_id, there in listed.items()
    }


async def _conclude(session: Session, there: There, now: datetime) -> bool:
    """Whether it could be stored; what one session meets keeps no other from being looked at."""
    try:
        await conclude(session, {place: one.joined_ms for place, one in there.items()}, now)
    except Exception:
        logger.warning("people not looked at", exc_info=True, extra={"session": session.id})
        return False
    return True


async def _list_all(livekit: LiveKit, sessions: Iterable[Session]) -> Listed:
    """By session, who is in its room; without those that gave no answer."""
    gate = asyncio.Semaphore(AT_ONCE)
    asked = {asyncio.create_task(_list(livekit, one, gate)): one.id for one in sessions}
    if not asked:
        return {}
    try:
        done, _ = await asyncio.wait(asked, timeout=ASK_ALL_FOR_S)
    finally:
        for task in asked:
            task.cancel()
    answers = {asked[task]: task.result() for task in done}
    return {session_id: there for session_id, there in answers.items() if there is not None}


async def _list(livekit: LiveKit, session: Session, gate: asyncio.Semaphore) -> There | None:
    async with gate:
        try:
            found = await livekit.list_participants(str(session.room_name), timeout_s=ASK_FOR_S)
        except LiveKitUnavailableError as error:
            told = {"session": session.id, "reason": f"{error}"}
            logger.info("people of a room unknown", extra=told)
            return None
    return _people(found)


def _people(found: Iterable[Participant]) -> There:
    inside = [one for one in found if one.is_inside and one.is_person]
    numbered = [(user_number(one.identity), one) for one in inside]
    return {(number, one.sid): one for number, one in numbered if number}


KNOWN = """
SELECT p.session_id, p.user_id, p.missed, a.open_sids, a.confidence
FROM session_participants p LEFT JOIN meeting_attendances a ON a.participant_id = p.id
WHERE p.session_id IN ({ids}) AND (
    a.presence = 'IN_MEETING' OR a.confidence = 'REPORTED' OR p.missed IS NOT NULL
)
"""


async def _known(session_ids: list[int]) -> dict[int, Known]:
    """One statement for all: what a look that changes nothing costs."""
    known: dict[int, Known] = defaultdict(Known)
    for some in sql.batches(session_ids):
        for row in await sql.query(KNOWN.format(ids=sql.places(len(some))), *some):
            one, user_id = known[row["session_id"]], row["user_id"]
            stays = {(user_id, sid) for sid in json.loads(row["open_sids"] or "[]")}
            one.stays |= stays
            is_missed = row["missed"] not in (None, "null")
            is_reported_over = bool(stays) and row["confidence"] == Confidence.REPORTED
            one.is_doubtful = one.is_doubtful or is_missed or is_reported_over
    return known
