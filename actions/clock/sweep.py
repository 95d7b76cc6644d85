"""The clock's work on sessions: whatever is due is done, in batches, by one clock or by ten."""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from tortoise.functions import Count

from actions.attendance.folding import close_stays
from actions.writing.draft import Draft
from actions.writing.moves import advance
from actions.writing.stream import drafts_of, write
from models import MeetingAttendance, Session
from models.database import sql
from models.database.atomic import atomic
from models.database.connection import is_retryable

logger = logging.getLogger("halaqa.clock")

BATCH = 500
PARKED = timedelta(minutes=1)  # how long a session rests whose move failed
HELD_UP = timedelta(seconds=5)  # and how long one that only met a lock

DUE = """
SELECT id FROM sessions WHERE next_transition_at <= $1
AND (parked_until IS NULL OR parked_until <= $1) ORDER BY next_transition_at LIMIT $2
"""
DUE_AMONG = """
SELECT id FROM sessions WHERE next_transition_at <= $1
AND (parked_until IS NULL OR parked_until <= $1) AND id IN ({ids}) ORDER BY id
"""


@dataclass(frozen=True, slots=True)
class Swept:
    """What one batch did. `is_whole`: it was as big as a batch can be, so there may be more."""

    advanced: int
    parked: int
    is_whole: bool


async def advance_due(now: datetime, limit: int = BATCH) -> Swept:
    """Advance what is due. Rows that somebody else holds are left to them; a session whose move
    fails is tried alone, then parked, and holds up nobody."""
    try:
        advanced = len(await _advance(DUE, now, limit))
        return Swept(advanced, 0, advanced == limit)
    except Exception as error:
        return await _advance_singly(now, limit, error)


async def _advance_singly(now: datetime, limit: int, because: Exception) -> Swept:
    rows = await sql.query(DUE, now, limit)  # fails too if it is the database that is gone
    logger.warning("batch failed, going one by one", extra={"reason": repr(because)})
    advanced = parked = 0
    for row in rows:
        try:
            advanced += len(await _advance_these([row["id"]], now))
        except Exception as error:
            await _park(row["id"], now, error)
            parked += 1
    return Swept(advanced, parked, advanced + parked == limit)


async def _park(session_id: int, now: datetime, error: Exception) -> None:
    logger.error("session parked", exc_info=error, extra={"session": session_id})
    rest = HELD_UP if is_retryable(error) else PARKED
    told = f"{type(error).__name__}: {error}"[:500]
    await Session.filter(id=session_id).update(parked_until=now + rest, last_error=told)


async def advance_among(session_ids: list[int], now: datetime) -> list[int]:
    """Heal: advance those of these sessions that are overdue, whatever the clock does.

    Whoever reads a session that cannot be advanced reads it as it is.
    """
    try:
        return await _advance_these(session_ids, now) if session_ids else []
    except Exception:
        logger.warning("overdue sessions not healed", exc_info=True)
        return []


async def _advance_these(session_ids: list[int], now: datetime) -> list[int]:
    statement = DUE_AMONG.format(ids=sql.places(len(session_ids), first=2))
    return await _advance(statement, now, *session_ids)


async def _advance(statement: str, now: datetime, *params: int) -> list[int]:
    async with atomic() as tx:
        claimed = await sql.query(statement + sql.lock_suffix(skip_locked=True), now, *params)
        ids = [row["id"] for row in claimed]
        if not ids:
            return []
        drafts = await drafts_of(Session.filter(id__in=ids), now)
        inside = await _people_inside(drafts)
        for draft in drafts:
            advance(draft, inside.get(draft.session.id, 0))
        for draft in await _with_open_stays(drafts):
            await close_stays(draft)
        await write(tx, drafts, now)
    return ids


async def _people_inside(drafts: list[Draft]) -> dict[int, int]:
    """Only where an academy lets completion wait for people does it matter who is there."""
    waiting = [draft.session.id for draft in drafts if draft.session.may_wait(draft.now)]
    return await _count_inside(waiting, joined_since_ms__isnull=False)


async def _with_open_stays(drafts: list[Draft]) -> list[Draft]:
    ended = [draft.session.id for draft in drafts if draft.session.ended_at == draft.now]
    inside = await _count_inside(ended)
    return [draft for draft in drafts if draft.session.id in inside]


async def _count_inside(session_ids: list[int], **more: bool) -> dict[int, int]:
    if not session_ids:
        return {}
    rows = MeetingAttendance.unsettled(session_ids)
    counted = rows.filter(**more).group_by("session_id").annotate(inside=Count("participant_id"))
    return dict(await counted.values_list("session_id", "inside"))
