"""Stuck sessions: those that are late by more than their allowance, each with the reason.

The rule is in domain/stuck.py. Here an SQL statement finds the suspects, and the rule decides.
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime

from domain.access import Permit, Viewer
from domain.session import WorkKind
from domain.stuck import MOVE_LATE, ROOM_LATE, Condition, Stuck, Undone, find_trouble
from models.database import sql
from models.database.fields import utc
from models.reading.pages import Page, check_first, id_after
from models.session import Session

SUSPECTS_AT_ONCE = 500

# The sessions that may be stuck, found by the indexes; `find_trouble` decides. ONGOING has
# the words of `sessions_live` beside it: without them SQLite does not use that partial index.
SUSPECTS = """
SELECT s.id FROM (
    SELECT id FROM sessions WHERE next_transition_at < $2
    UNION SELECT id FROM sessions WHERE status IN ('READY', 'ONGOING')
        AND (meeting_id IS NULL OR room_ready_at IS NULL OR room_error IS NOT NULL)
    UNION SELECT id FROM sessions live WHERE status IN ('READY', 'ONGOING') AND status = 'ONGOING'
        AND scheduled_at <= $1 AND ends_at > $1
        AND NOT EXISTS (
            SELECT 1 FROM session_participants p JOIN meeting_attendances a
                ON a.participant_id = p.id AND a.arrived_ms IS NOT NULL
            WHERE p.session_id = live.id AND p.user_id = live.teacher_id
        )
    UNION SELECT id FROM sessions WHERE status = 'COMPLETED' AND finalised_at IS NULL
    UNION SELECT subject FROM due_work WHERE kind = 'DELETE_ROOM' AND due_at < $3
) suspect JOIN sessions s ON s.id = suspect.id
WHERE s.id > $4 AND (s.academy_id = $5 OR $5 = 0) ORDER BY s.id LIMIT $6
"""
HAS_TEACHER = "HAS_TEACHER"  # in the place of a kind of work
SIGNS = """
SELECT subject AS session_id, kind, due_at, last_error FROM due_work
WHERE kind IN ('DELETE_ROOM', 'FINALISE_ATTENDANCE') AND subject IN ({ids})
UNION ALL SELECT s.id, 'HAS_TEACHER', NULL, NULL FROM sessions s
JOIN session_participants p ON p.session_id = s.id AND p.user_id = s.teacher_id
JOIN meeting_attendances a ON a.participant_id = p.id AND a.arrived_ms IS NOT NULL
WHERE s.id IN ({ids})
"""


@dataclass(slots=True)
class Signs:
    """Signs of trouble in other rows than the session's: work that nobody has finished.

    `has_teacher`: a stay of its teacher reaches into the class.
    """

    undone: dict[WorkKind, Undone] = field(default_factory=dict)
    has_teacher: bool = False


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
    late = (now, now - MOVE_LATE, now - ROOM_LATE)
    is_more = True
    while is_more:
        rows = await sql.query(SUSPECTS, *late, after_id, academy_id, SUSPECTS_AT_ONCE)
        ids = [row["id"] for row in rows]
        signs = await read_signs(ids)
        for row in await Session.filter(id__in=ids).order_by("id"):
            if trouble := stuck_of(row, signs[row.id], now):
                yield row, trouble
        is_more = len(ids) == SUSPECTS_AT_ONCE
        after_id = ids[-1] if ids else after_id


async def read_signs(session_ids: Iterable[int]) -> defaultdict[int, Signs]:
    """Read what other rows say of these sessions."""
    found: defaultdict[int, Signs] = defaultdict(Signs)
    for some in sql.batches(list(session_ids)):
        for row in await sql.query(SIGNS.format(ids=sql.places(len(some))), *some):
            signs = found[row["session_id"]]
            if row["kind"] == HAS_TEACHER:
                signs.has_teacher = True
            else:
                undone = Undone(utc(row["due_at"]), row["last_error"])
                signs.undone[WorkKind(row["kind"])] = undone
    return found


def stuck_of(row: Session, signs: Signs, now: datetime) -> Stuck | None:
    """Tell why the session is stuck; None when it is not. `signs` is its part of `read_signs`."""
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
        deleting=signs.undone.get(WorkKind.DELETE_ROOM),
        finalising=signs.undone.get(WorkKind.FINALISE_ATTENDANCE),
        teacher_due_at=row.teacher_due_at,
        ends_at=row.ends_at,
        has_teacher=signs.has_teacher,
    )
    return find_trouble(condition, now)


def stuck_for(viewer: Viewer, row: Session, signs: Signs, now: datetime) -> Stuck | None:
    """Tell why the session is stuck; only a viewer who manages it reads the detail."""
    found = stuck_of(row, signs, now)
    return found if found is None or row.is_managed_by(viewer) else replace(found, detail=None)
