"""Closes stays that nobody has confirmed since our door was shut, at their last sign of life."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from tortoise.expressions import Q

from actions.attendance.final_result import move_by_attendance
from actions.attendance.folding import refold, stale_after
from actions.attendance.lines import append_line, new_line
from actions.writing.draft import Draft
from actions.writing.stream import writing
from domain.attendance.fold import Confidence, EventKind, EventSource, stays_of
from domain.attendance.signs import last_sign
from domain.attendance.state import from_ms, to_ms
from domain.session import WorkKind
from models import SessionParticipant
from models.reading.attendance_log import Lines, facts_of, read_lines

# The people whose stays are open, or over by a report alone: no other confidence is as weak.
MAY_BE_IN = Q(attendance__joined_since_ms__isnull=False) | Q(
    attendance__confidence=Confidence.REPORTED
)


@dataclass(frozen=True, slots=True)
class OpenStay:
    """An open stay, its last sign of life, and until when we were away since then, in ms."""

    user_id: int
    sid: str
    alive_ms: int
    away_until_ms: int | None


async def expire_stays(session_id: int, now: datetime) -> None:
    """Close the stale stays, and come back when the next one would be stale. Safe to repeat.

    A stay is never stale by silence alone: while our door was open, no leave means still there.
    """
    async with writing(session_id, now) as draft:
        if draft.session.ended_at is not None:
            return
        rows = await SessionParticipant.filter(MAY_BE_IN, session_id=session_id).order_by("id")
        lines = await read_lines(session_id, [row.user_id for row in rows])
        stale_ms = int(stale_after(draft).total_seconds() * 1000)
        stale, waiting = set(), []
        for stay in (stay for row in rows for stay in open_stays(draft, row, lines)):
            if stay.away_until_ms is None:
                continue
            due_ms = stay.away_until_ms + stale_ms
            if due_ms > to_ms(now):
                waiting.append(due_ms)
                continue
            line = new_line(
                draft,
                EventKind.EXPIRED,
                EventSource.CLOCK,
                stay.user_id,
                participant_sid=stay.sid,
                occurred_ms=due_ms,
                alive_ms=stay.alive_ms,
            )
            await append_line(line)
            stale.add(stay.user_id)
        if stale:
            move_by_attendance(draft, await refold(draft, sorted(stale)))
        if waiting:
            draft.add_work(WorkKind.EXPIRE_STAYS, from_ms(min(waiting)))


def open_stays(draft: Draft, row: SessionParticipant, lines: Lines) -> Iterable[OpenStay]:
    """Find one person's open stays and when each was last known to be alive.

    Include stays that are over by a report alone: a page that says so must not keep its stay from
    being watched.
    """
    session = draft.session
    own = lines[row.user_id]
    facts = facts_of(session, is_expected=row.is_expected)
    for stay in stays_of(own + lines[None], facts):
        if not stay.is_settled:
            missed_ms = (row.missed or {}).get(stay.sid)
            seen_at = session.room_seen_at if missed_ms is None else None
            seen_ms = to_ms(seen_at) if seen_at else None
            alive_ms = max(last_sign(own, stay, session.room_sid, seen_ms), missed_ms or 0)
            yield OpenStay(row.user_id, stay.sid, alive_ms, stay.away_until_ms)
