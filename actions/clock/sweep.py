"""Advances the sessions that are due, in batches, whether one clock runs or ten."""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from tortoise.functions import Count

import telemetry
from actions.attendance.folding import close_stays, count_anew
from actions.writing.moves import advance
from actions.writing.stream import drafts_of, write
from models import MeetingAttendance, Session
from models.database import sql
from models.database.atomic import atomic
from models.database.connection import is_retryable

logger = logging.getLogger("halaqa.clock")

BATCH = 500
PARKED_FOR = timedelta(minutes=1)  # a session whose move failed
LOCKED_FOR = timedelta(seconds=5)  # a session whose move only met a lock

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
    """Counts of one batch. `is_whole`: it was as big as a batch can be, so more may be due."""

    advanced: int
    parked: int
    is_whole: bool


async def advance_due(now: datetime, limit: int = BATCH) -> Swept:
    """Advance the sessions that are due, in one transaction, without those that others lock.

    If that fails, advance each alone and park those that fail: no session holds up another.
    """
    try:
        advanced = len(await _advance(DUE, now, limit))
        return Swept(advanced, 0, advanced == limit)
    except Exception as error:
        rows = await sql.query(DUE, now, limit)  # fails too if it is the database that is gone
        logger.warning(
            "batch failed, going one by one", extra={"reason": telemetry.describe(error)}
        )
    advanced = parked = 0
    for row in rows:
        session_id = row["id"]
        try:
            advanced += len(await _advance_these([session_id], now))
        except Exception as error:
            logger.error("session parked", exc_info=error, extra={"session": session_id})
            until = now + (LOCKED_FOR if is_retryable(error) else PARKED_FOR)
            last_error = f"{type(error).__name__}: {error}"[:500]
            await Session.filter(id=session_id).update(parked_until=until, last_error=last_error)
            parked += 1
    return Swept(advanced, parked, advanced + parked == limit)


async def advance_among(session_ids: list[int], now: datetime) -> list[int]:
    """Heal: advance those of these sessions that are overdue, and return their ids.

    A session that cannot be advanced is read as it is, so this never fails.
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
        # Who is inside matters only where an academy lets completion wait for people.
        waiting = [draft.session.id for draft in drafts if draft.session.may_wait(now)]
        inside = await _count_inside(waiting, joined_since_ms__isnull=False)
        for draft in drafts:
            advance(draft, inside.get(draft.session.id, 0))
        ended = [draft for draft in drafts if draft.session.ended_at == now]
        still_open = await _count_inside([draft.session.id for draft in ended])
        for draft in ended:
            if draft.session.id in still_open:
                await close_stays(draft)
        for draft in drafts:
            await count_anew(draft)
        await write(tx, drafts, now)
    return ids


async def _count_inside(session_ids: list[int], **more: bool) -> dict[int, int]:
    """Count the people with an open stay, by session; `more` narrows their attendances."""
    if not session_ids:
        return {}
    rows = MeetingAttendance.unsettled(session_ids)
    counted = rows.filter(**more).group_by("session_id").annotate(inside=Count("participant_id"))
    return dict(await counted.values_list("session_id", "inside"))
