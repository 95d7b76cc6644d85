"""Writing to a session's stream: lock the row first, write the state, append one row per fact.

`version` is the sequence number of the last fact, so nothing can be written twice or go missing.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from weakref import WeakValueDictionary

from tortoise.queryset import QuerySet

from domain.errors import NotFoundError
from domain.event import SessionEventKind
from domain.session import WorkKind
from gateways.bus import CLOCK, SESSIONS, bell
from models import DueWork, Session, SessionEvent, sql
from models.atomic import Transaction, atomic

_queues: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()


@dataclass(slots=True)
class Draft:
    """A locked session and what is about to be written to it."""

    session: Session
    now: datetime
    events: list[SessionEvent] = field(default_factory=list)
    work: list[DueWork] = field(default_factory=list)
    changed: set[str] = field(default_factory=set)

    def change(self, **values: Any) -> None:
        """Set what differs: what stays as it was is neither written nor rung for."""
        for name, value in values.items():
            if getattr(self.session, name) != value:
                setattr(self.session, name, value)
                self.changed.add(name)

    def append(
        self, kind: SessionEventKind, payload: dict[str, Any], actor_id: int | None = None
    ) -> None:
        self.session.version += 1
        self.events.append(
            SessionEvent(
                session_id=self.session.id,
                sequence=self.session.version,
                kind=kind,
                payload=payload,
                occurred_at=self.now,
                actor_id=actor_id,
            )
        )

    def plan(self, kind: WorkKind, due_at: datetime) -> None:
        """Have something done later; asked for again, it is due anew."""
        self.work.append(
            DueWork(
                kind=kind,
                subject=self.session.id,
                academy_id=self.session.academy_id,
                due_at=due_at,
            )
        )


async def load(session_id: int) -> Session:
    """The row with what writing needs of its academy."""
    return await Session.get(id=session_id).select_related("academy__video_settings")


LOCK = "SELECT id FROM sessions WHERE id = $1"
LOCK_MANY = "SELECT id FROM sessions WHERE id IN ({ids}) ORDER BY id"
LOCKED_AT_ONCE = 500


@asynccontextmanager
async def writing(session_id: int, now: datetime) -> AsyncIterator[Draft]:
    """Lock a session, let it be changed, write it back; ring the bell once it is committed.

    Writers of one session queue in the process before they take a connection: a thousand people
    who join one class never hold the pool.
    """
    queue = _queues.setdefault(session_id, asyncio.Lock())
    async with queue, atomic() as tx:
        if not await sql.query(LOCK + sql.lock_suffix(), session_id):
            raise NotFoundError("No such session.")
        draft = Draft(await load(session_id), now)
        yield draft
        await write(tx, [draft])


async def lock_all(sessions: QuerySet[Session], now: datetime) -> list[Draft]:
    """Lock many sessions in the order of their ids, inside the caller's transaction."""
    ids = await sessions.order_by("id").values_list("id", flat=True)
    drafts: list[Draft] = []
    for start in range(0, len(ids), LOCKED_AT_ONCE):
        some = ids[start : start + LOCKED_AT_ONCE]
        lock = LOCK_MANY.format(ids=sql.places(len(some))) + sql.lock_suffix()
        await sql.query(lock, *some)
        # Read again: those that stopped matching while we waited for their lock are left out.
        rows = sessions.filter(id__in=some).order_by("id")
        drafts += [Draft(row, now) for row in await rows.select_related("academy__video_settings")]
    return drafts


async def write(tx: Transaction, drafts: Iterable[Draft]) -> None:
    """Write locked sessions back: rows, events and work, a statement each."""
    drafts = list(drafts)
    await _update_rows(drafts)
    events = [event for draft in drafts for event in draft.events]
    if events:
        await SessionEvent.bulk_create(events, batch_size=500)
    await plan_work([work for draft in drafts for work in draft.work])
    tx.on_commit(lambda: _ring(drafts))


async def _update_rows(drafts: list[Draft]) -> None:
    """One statement for all: what one of them changed is written as it is for the others."""
    for draft in drafts:
        if draft.events:
            draft.change(updated_at=draft.now)
            draft.changed.add("version")
    rows = [draft.session for draft in drafts if draft.changed]
    names = sorted(set().union(*(draft.changed for draft in drafts)))
    if not rows:
        return
    fields = [Session._meta.fields_map[name] for name in names]
    columns = [field.source_field or field.model_field_name for field in fields]
    assignments = ", ".join(f"{column} = ${n}" for n, column in enumerate(columns, 2))
    await sql.execute_many(
        f"UPDATE sessions SET {assignments} WHERE id = $1",
        [
            (row.id, *(f.to_db_value(getattr(row, f.model_field_name), row) for f in fields))
            for row in rows
        ],
    )


PLAN = """
INSERT INTO due_work (kind, subject, academy_id, due_at, attempts) VALUES ($1, $2, $3, $4, 0)
ON CONFLICT (kind, subject) DO UPDATE
SET due_at = excluded.due_at, attempts = 0, claimed_until = NULL, last_error = NULL
"""


async def plan_work(work: list[DueWork]) -> None:
    if work:
        await sql.execute_many(
            PLAN, [(w.kind.value, w.subject, w.academy_id, w.due_at) for w in work]
        )


def _ring(drafts: list[Draft]) -> None:
    for draft in drafts:
        if draft.events:
            bell.ring(SESSIONS, f"{draft.session.id}:{draft.session.version}")
    due = [moment for draft in drafts for moment in _newly_due(draft)]
    if due:
        bell.ring(CLOCK, min(due).isoformat())


def _newly_due(draft: Draft) -> list[datetime]:
    following = draft.session.next_transition_at
    is_new = following is not None and "next_transition_at" in draft.changed
    return [work.due_at for work in draft.work] + ([following] if is_new and following else [])
