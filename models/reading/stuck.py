"""Sessions that are stuck: which they are, one by one and as a list."""

from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from datetime import datetime

from domain.access import Permit, Viewer
from domain.session import WorkKind
from domain.stuck import MOVE_LATE, ROOM_LATE, Condition, Stuck, Undone, find_trouble
from models.database import sql
from models.reading.pages import Page, check_first, id_after
from models.session import Session
from models.work import DueWork

Works = dict[WorkKind, DueWork]

TELLING = (WorkKind.DELETE_ROOM, WorkKind.FINALISE_ATTENDANCE)
AT_ONCE = 500

# Whoever may be stuck, by the indexes on what is waited for: `find_trouble` has the last word.
SUSPECTS = """
SELECT s.id FROM (
    SELECT id FROM sessions WHERE next_transition_at < $1
    UNION SELECT id FROM sessions WHERE status IN ('READY', 'ONGOING')
        AND (meeting_id IS NULL OR room_ready_at IS NULL OR room_error IS NOT NULL)
    UNION SELECT id FROM sessions WHERE status = 'COMPLETED' AND finalised_at IS NULL
    UNION SELECT subject FROM due_work WHERE kind = 'DELETE_ROOM' AND due_at < $2
) suspect JOIN sessions s ON s.id = suspect.id
WHERE s.id > $3 AND (s.academy_id = $4 OR $4 = 0) ORDER BY s.id LIMIT $5
"""


async def stuck_page(
    viewer: Viewer, now: datetime, *, first: int | None = None, after: str | None = None
) -> Page[Session]:
    """Of the viewer's academy, for who schedules there; of all for a super admin."""
    first = check_first(first)
    start = id_after(after, Session)
    if not viewer.may(Permit.SCHEDULE):
        return Page([], False, after is not None)
    found = await _find(viewer.academy_id or 0, start, first + 1, now)
    return Page(found[:first], len(found) > first, after is not None)


async def _find(academy_id: int, start: int, wanted: int, now: datetime) -> list[Session]:
    found: list[Session] = []
    async for row, _ in stuck_after(start, now, academy_id):
        found.append(row)
        if len(found) == wanted:
            break
    return found


async def stuck_after(
    start: int, now: datetime, academy_id: int = 0
) -> AsyncIterator[tuple[Session, Stuck]]:
    """Each by its id, from after `start` on: of one academy, or of all."""
    is_more = True
    while is_more:
        ids = await _suspects(academy_id, start, now)
        works = await works_of(ids)
        for row in await Session.filter(id__in=ids).order_by("id"):
            if trouble := stuck_of(row, works.get(row.id, {}), now):
                yield row, trouble
        is_more = len(ids) == AT_ONCE
        start = ids[-1] if ids else start


async def _suspects(academy_id: int, start: int, now: datetime) -> list[int]:
    late = (now - MOVE_LATE, now - ROOM_LATE)
    rows = await sql.query(SUSPECTS, *late, start, academy_id, AT_ONCE)
    return [row["id"] for row in rows]


async def works_of(session_ids: Iterable[int]) -> dict[int, Works]:
    """The work that tells of trouble, by session and kind."""
    found: dict[int, Works] = defaultdict(dict)
    for row in await DueWork.filter(kind__in=TELLING, subject__in=list(session_ids)):
        found[row.subject][row.kind] = row
    return found


def stuck_of(row: Session, works: Works, now: datetime) -> Stuck | None:
    """`works` as `works_of` has it for this session."""
    return find_trouble(_condition(row, works, now), now)


def told_stuck(viewer: Viewer, row: Session, works: Works, now: datetime) -> Stuck | None:
    """As `stuck_of` for somebody who sees the session: the detail is for who manages it."""
    found = stuck_of(row, works, now)
    return found if found is None or row.is_managed_by(viewer) else replace(found, detail=None)


def _condition(row: Session, works: Works, now: datetime) -> Condition:
    refusal = row.meeting_refusal or {}
    return Condition(
        status=row.status,
        next_transition_at=row.next_transition_at,
        last_error=row.last_error,
        opened_at=row.opened_at,
        has_meeting=row.meeting_id is not None,
        refusal=refusal.get("message"),
        wants_room=row.wants_room(now),
        has_room=row.room_ready_at is not None,
        room_error=row.room_error,
        room_well_at=_room_well_at(row),
        ended_at=row.ended_at,
        is_final=row.finalised_at is not None,
        deleting=_undone(works, WorkKind.DELETE_ROOM),
        finalising=_undone(works, WorkKind.FINALISE_ATTENDANCE),
    )


def _room_well_at(row: Session) -> datetime | None:
    moments = (row.room_ready_at, row.room_seen_at, row.meeting_created_at, row.opened_at)
    return max((moment for moment in moments if moment is not None), default=None)


def _undone(works: Works, kind: WorkKind) -> Undone | None:
    work = works.get(kind)
    return Undone(work.due_at, work.last_error) if work else None
