"""Stays that nobody has confirmed for too long: closed at their last sign of life."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from tortoise.expressions import Q

from actions.attendance.final_result import settle
from actions.attendance.folding import refold
from actions.attendance.lines import own_line, write_line
from actions.attendance.watches import stale_after
from actions.writing.draft import Draft
from actions.writing.stream import writing
from domain.attendance.fold import Confidence, EventKind, EventSource, stays_of
from domain.attendance.signs import last_sign
from domain.attendance.state import from_ms, to_ms
from domain.session import WorkKind
from models import SessionParticipant
from models.reading.attendance_log import Lines, facts_of, read_lines

# Whose stays are open, but for at most a report: no other confidence is as weak.
MAY_BE_IN = Q(attendance__joined_since_ms__isnull=False) | Q(
    attendance__confidence=Confidence.REPORTED
)


@dataclass(frozen=True, slots=True)
class OpenStay:
    """One that is open, and the last that was heard or seen of it, in ms."""

    user_id: int
    sid: str
    alive_ms: int


async def expire_stays(session_id: int, now: datetime) -> None:
    """Close those that are stale, and look again when the next one would be. Safe to repeat."""
    async with writing(session_id, now) as draft:
        if draft.session.ended_at is not None:
            return
        stays = await _open_stays(draft)
        latest_ms = to_ms(now - stale_after(draft))
        stale = [stay for stay in stays if stay.alive_ms <= latest_ms]
        for stay in stale:
            await _expire(draft, stay)
        if stale:
            settle(draft, await refold(draft, sorted({stay.user_id for stay in stale})))
        if alive := [stay.alive_ms for stay in stays if stay.alive_ms > latest_ms]:
            draft.plan(WorkKind.EXPIRE_STAYS, from_ms(min(alive)) + stale_after(draft))


async def _open_stays(draft: Draft) -> list[OpenStay]:
    rows = await SessionParticipant.filter(MAY_BE_IN, session_id=draft.session.id).order_by("id")
    lines = await read_lines(draft.session.id, [row.user_id for row in rows])
    return [stay for row in rows for stay in open_stays(draft, row, lines)]


def open_stays(draft: Draft, row: SessionParticipant, lines: Lines) -> Iterable[OpenStay]:
    """One person's, and when each was last known to be alive: those that are over by a report
    alone, too, lest a page that says so keeps what it reports from being looked after."""
    session = draft.session
    own = lines[row.user_id]
    facts = facts_of(session, is_expected=row.is_expected)
    for stay in stays_of(own + lines[None], facts):
        if not stay.is_settled:
            missed_ms = (row.missed or {}).get(stay.sid)
            seen_ms = to_ms(session.room_seen_at) if session.room_seen_at else None
            seen_ms = seen_ms if missed_ms is None else None
            alive_ms = max(last_sign(own, stay, session.room_sid, seen_ms), missed_ms or 0)
            yield OpenStay(row.user_id, stay.sid, alive_ms)


async def _expire(draft: Draft, stay: OpenStay) -> None:
    became_ms = stay.alive_ms + int(stale_after(draft).total_seconds() * 1000)
    line = own_line(
        draft,
        EventKind.EXPIRED,
        EventSource.CLOCK,
        stay.user_id,
        participant_sid=stay.sid,
        occurred_ms=became_ms,
        alive_ms=stay.alive_ms,
    )
    await write_line(line)
