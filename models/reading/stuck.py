"""Stuck sessions: those that are late by more than their allowance, each with the reason.

The rule is in domain/stuck.py. Here an SQL statement finds the suspects, and the rule decides.
"""

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

TROUBLE_KINDS = (WorkKind.DELETE_ROOM, WorkKind.FINALISE_ATTENDANCE)
SUSPECTS_AT_ONCE = 500

# The sessions that may be stuck, found by the indexes; `find_trouble` decides.
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
    """Read a page of stuck sessions: of the viewer's academy if they schedule there, of all for a
    super admin, and an empty page for others."""
    first = check_first(first)
    start = id_after(after, Session)
    may_read = viewer.may(Permit.SCHEDULE)

    async def count() -> int:
        stuck = find_stuck(0, now, viewer.academy_id or 0)
        return len([row.id async for row, _ in stuck]) if may_read else 0

    found: list[Session] = []
    if may_read:
        async for row, _ in find_stuck(start, now, viewer.academy_id or 0):
            found.append(row)
            if len(found) > first:
                break
    return Page(found[:first], len(found) > first, after is not None, count)


async def find_stuck(
    after_id: int, now: datetime, academy_id: int = 0
) -> AsyncIterator[tuple[Session, Stuck]]:
    """Yield the stuck sessions after this id, by id: of one academy, or of all for 0."""
    late = (now - MOVE_LATE, now - ROOM_LATE)
    is_more = True
    while is_more:
        rows = await sql.query(SUSPECTS, *late, after_id, academy_id, SUSPECTS_AT_ONCE)
        ids = [row["id"] for row in rows]
        works = await read_works(ids)
        for row in await Session.filter(id__in=ids).order_by("id"):
            if trouble := stuck_of(row, works.get(row.id, {}), now):
                yield row, trouble
        is_more = len(ids) == SUSPECTS_AT_ONCE
        after_id = ids[-1] if ids else after_id


async def read_works(session_ids: Iterable[int]) -> dict[int, Works]:
    """Read the undone work that may explain why a session is stuck, by session and kind."""
    found: dict[int, Works] = defaultdict(dict)
    for row in await DueWork.filter(kind__in=TROUBLE_KINDS, subject__in=list(session_ids)):
        found[row.subject][row.kind] = row
    return found


def stuck_of(row: Session, works: Works, now: datetime) -> Stuck | None:
    """Tell why the session is stuck; None when it is not. `works` is its part of `read_works`."""
    refusal = row.meeting_refusal or {}
    room_moments = (row.room_ready_at, row.room_seen_at, row.meeting_created_at, row.opened_at)
    condition = Condition(
        status=row.status,
        next_transition_at=row.next_transition_at,
        last_error=row.last_error,
        opened_at=row.opened_at,
        has_meeting=row.meeting_id is not None,
        refusal=refusal.get("message"),
        wants_room=row.wants_room(now),
        has_room=row.room_ready_at is not None,
        room_error=row.room_error,
        room_well_at=max((at for at in room_moments if at is not None), default=None),
        ended_at=row.ended_at,
        is_final=row.finalised_at is not None,
        deleting=_undone(works, WorkKind.DELETE_ROOM),
        finalising=_undone(works, WorkKind.FINALISE_ATTENDANCE),
    )
    return find_trouble(condition, now)


def stuck_for(viewer: Viewer, row: Session, works: Works, now: datetime) -> Stuck | None:
    """Tell why the session is stuck; only a viewer who manages it reads the detail."""
    found = stuck_of(row, works, now)
    return found if found is None or row.is_managed_by(viewer) else replace(found, detail=None)


def _undone(works: Works, kind: WorkKind) -> Undone | None:
    work = works.get(kind)
    return Undone(work.due_at, work.last_error) if work else None
