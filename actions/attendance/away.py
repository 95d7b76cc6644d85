"""Notes in the attendance logs when our door was shut: what LiveKit told then is lost."""

from datetime import datetime

from actions.attendance.folding import refold, stale_after
from actions.attendance.lines import insert_line
from actions.writing.draft import Draft
from actions.writing.due_work import ADD_WORK
from actions.writing.stream import writing
from domain.attendance.fold import EventKind, EventSource
from domain.attendance.state import to_ms
from domain.session import WorkKind
from domain.status import SessionStatus
from models import DoorClosure, MeetingAttendanceEvent, SessionParticipant
from models.database import sql
from models.reading.door_status import shut_now

# Somebody is inside as far as we know, or left when the door was shut or later; and they did not
# come only after it was open again. $1, $2: shut from, shut until, in ms.
MAYBE_INSIDE = """
SELECT 1 FROM meeting_attendances a WHERE a.session_id = s.id
AND (a.first_joined_ms IS NULL OR a.first_joined_ms <= $2)
AND (
    a.joined_since_ms IS NOT NULL OR CAST(a.open_sids AS TEXT) NOT IN ('[]', 'null')
    OR a.last_left_ms >= $1
)
"""
TO_NOTE = f"""
SELECT s.id, s.academy_id FROM sessions s
WHERE (
    s.status IN ('READY', 'ONGOING')
    OR (s.status = 'COMPLETED' AND s.finalised_at IS NULL AND s.ended_at > $3)
) AND EXISTS ({MAYBE_INSIDE}) ORDER BY s.id
"""
WAS_MAYBE_INSIDE = f"SELECT 1 FROM sessions s WHERE s.id = $3 AND EXISTS ({MAYBE_INSIDE})"


async def plan_notes(shut_from: datetime, shut_until: datetime, now: datetime) -> None:
    """Have it noted in every session that is not final and had people while the door was shut."""
    found = await sql.query(TO_NOTE, to_ms(shut_from), to_ms(shut_until), shut_from)
    work = [(WorkKind.NOTE_AWAY.value, row["id"], row["academy_id"], now) for row in found]
    if work:
        await sql.execute_many(ADD_WORK, work)


async def note_away(session_id: int, now: datetime) -> None:
    """Append the missing AWAY lines of a session and refold everybody. Safe to repeat."""
    async with writing(session_id, now) as draft:
        noted_until = await append_away(draft)
        if not noted_until:
            return
        await refold(draft)
        if draft.session.ended_at is None:
            draft.add_work(WorkKind.EXPIRE_STAYS, min(noted_until) + stale_after(draft))


async def append_away(draft: Draft) -> list[datetime]:
    """Append an AWAY line for each time that the door was shut while somebody may have been inside.

    Return when it was open again, for the new lines only. Nothing is appended to what is final. A
    door that is still shut counts for a session that is over: what is told later changes nothing.
    """
    session = draft.session
    is_counted = session.status.is_live or session.status is SessionStatus.COMPLETED
    if session.finalised_at is not None or not is_counted:
        return []
    begins_at, ends_at = session.opened_at or session.scheduled_at, session.ended_at or draft.now
    overlapping = DoorClosure.filter(shut_from__lt=ends_at, shut_until__gt=begins_at)
    shut = [(one.shut_from, one.shut_until) for one in await overlapping.order_by("shut_from")]
    if session.ended_at is not None:
        still = await shut_now(draft.now)
        if still is not None and still[0] < session.ended_at:
            shut.append(still)
    # A look gives nobody a sign of life while it misses somebody.
    missed = SessionParticipant.filter(session_id=session.id, missed__isnull=False)
    seen_at = None if not shut or await missed.exists() else session.room_seen_at
    noted_until = []
    for shut_from, shut_until in shut:
        from_ms, until_ms = to_ms(shut_from), to_ms(shut_until)
        if not await sql.query(WAS_MAYBE_INSIDE, from_ms, until_ms, session.id):
            continue
        line = MeetingAttendanceEvent(
            session_id=session.id,
            source_id=f"away:{session.id}:{from_ms}",
            kind=EventKind.AWAY,
            source=EventSource.CLOCK,
            occurred_ms=from_ms,
            received_ms=until_ms,
            room_sid=session.room_sid,
            room_created_ms=session.room_created_ms,
            alive_ms=to_ms(seen_at) if seen_at else None,
        )
        if await insert_line(line):
            noted_until.append(shut_until)
    return noted_until
