"""Writing to a session's stream: lock the row first, write the state, append one row per event.

`version` is the sequence number of the last event: none can be written twice or go missing.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary, WeakValueDictionary

from tortoise.queryset import QuerySet

import telemetry
from actions.writing.draft import Draft
from actions.writing.due_work import ADD_WORK
from actions.writing.rights import doubt_rights
from domain.access import Permit, Viewer
from domain.errors import ForbiddenError, NotFoundError
from domain.event import SessionEventKind
from gateways.changes import publish_due, publish_version
from models import Academy, Session, SessionEvent, TeacherMeetingSettings
from models.database import sql
from models.database.atomic import Transaction, atomic
from models.database.locks import lock_sessions

# By loop and session: a lock belongs to one loop, and an error may keep it longer than that.
_queues: WeakKeyDictionary[asyncio.AbstractEventLoop, WeakValueDictionary[int, asyncio.Lock]] = (
    WeakKeyDictionary()
)


async def load(session_id: int) -> Session:
    """Read a session with what writing needs of its academy and teacher."""
    session = await Session.get(id=session_id).select_related("academy__video_settings")
    await read_teacher_settings([session] if session.meeting_id is None else [])
    return session


async def read_teacher_settings(sessions: list[Session]) -> None:
    """Set `teacher_settings` of the sessions, which making a meeting needs."""
    teachers = {session.teacher_id for session in sessions}
    found = await TeacherMeetingSettings.filter(teacher_id__in=teachers) if teachers else []
    settings = {row.teacher_id: row for row in found}
    for session in sessions:
        session.teacher_settings = settings.get(session.teacher_id)


LOCK = "SELECT id FROM sessions WHERE id = $1"


@asynccontextmanager
async def writing(session_id: int, now: datetime) -> AsyncIterator[Draft]:
    """Lock a session, let the block change it, write it back; publish it once it is committed.

    Writers of one session queue in the process before they take a connection: a thousand people
    who join one class never hold the pool.
    """
    queues = _queues.setdefault(asyncio.get_running_loop(), WeakValueDictionary())
    queue = queues.setdefault(session_id, asyncio.Lock())
    async with queue, atomic() as tx:
        if not await sql.query(LOCK + sql.lock_suffix(), session_id):
            raise NotFoundError("No such session.")
        draft = Draft(await load(session_id), now)
        yield draft
        await write(tx, [draft], now)


@asynccontextmanager
async def managing(
    viewer: Viewer, session_id: int, now: datetime, permit: Permit = Permit.MANAGE
) -> AsyncIterator[Draft]:
    """Do what `writing` does for a person; raise what `Session.fetch_for` raises.

    The right is asked before the lock, so that nobody else waits for a person without it, and
    again under it: who held the lock may have given the session to another teacher.
    """
    await Session.fetch_for(viewer, session_id, permit)
    async with writing(session_id, now) as draft:
        await _check_locked(viewer, draft.session, permit)
        yield draft


async def lock_for(viewer: Viewer, session_id: int, permit: Permit, now: datetime) -> Draft:
    """Lock a session for a person, inside the caller's transaction, and ask their right again."""
    drafts = await lock_all(Session.filter(id=session_id), now)
    if not drafts:
        raise NotFoundError("No such session.")
    await _check_locked(viewer, drafts[0].session, permit)
    return drafts[0]


async def _check_locked(viewer: Viewer, session: Session, permit: Permit) -> None:
    try:
        session.check(viewer, permit)
    except ForbiddenError:
        await Session.fetch_for(viewer, session.id, permit)  # NOT_FOUND if they see it no more
        raise


class _TrialError(Exception):
    """Rolls a trial back."""


@asynccontextmanager
async def trying(session_id: int, now: datetime, *, is_trial: bool) -> AsyncIterator[Draft]:
    """Do what `writing` does; of a trial nothing is stored, and its draft says what would be."""
    with suppress(_TrialError):
        async with writing(session_id, now) as draft:
            yield draft
            if is_trial:
                raise _TrialError


async def lock_all(sessions: QuerySet[Session], now: datetime) -> list[Draft]:
    """Lock many sessions in the order of their ids, inside the caller's transaction."""
    ids: Any = await sessions.order_by("id").values_list("id", flat=True)
    drafts: list[Draft] = []
    for some in sql.batches(ids):
        await lock_sessions(some)
        # Read again: sessions that stopped matching while we waited are left out.
        drafts += await drafts_of(sessions.filter(id__in=some), now)
    return drafts


async def drafts_of(sessions: QuerySet[Session], now: datetime) -> list[Draft]:
    """Read locked sessions as drafts, by their ids; each academy and teacher is read once."""
    rows = await sessions.order_by("id")
    ids = {row.academy_id for row in rows}
    found = await Academy.filter(id__in=ids).select_related("video_settings")
    academies = {academy.id: academy for academy in found}
    for row in rows:
        row.academy = academies[row.academy_id]
    await read_teacher_settings([row for row in rows if row.meeting_id is None])
    return [Draft(row, now) for row in rows]


APPEND = """
INSERT INTO session_events (session_id, sequence, kind, payload, occurred_at, actor_id, mark)
VALUES ($1, $2, $3, $4, $5, $6, $7)
"""
_payload = SessionEvent._meta.fields_map["payload"]
DROP = "DELETE FROM due_work WHERE kind = $1 AND subject IN ({ids})"


async def write(
    tx: Transaction, drafts: Iterable[Draft], now: datetime, concerned: Iterable[int] = ()
) -> None:
    """Write locked sessions back: their rows, events and due work; publish them on commit.

    `concerned` are people whose rights change by more than these sessions.
    """
    drafts = list(drafts)
    await _update_rows(drafts)
    facts = [(draft, fact) for draft in drafts for fact in draft.events]
    events = [
        (
            draft.session.id,
            fact.sequence,
            fact.kind.value,
            _payload.to_db_value(fact.payload, SessionEvent),
            draft.now,
            fact.actor_id,
            draft.mark,
        )
        for draft, fact in facts
    ]
    if events:
        await sql.execute_many(APPEND, events)
    for kind in sorted({kind for draft in drafts for kind in draft.dropped}):
        for some in sql.batches([draft.session.id for draft in drafts if kind in draft.dropped]):
            await sql.execute(DROP.format(ids=sql.places(len(some), first=2)), kind.value, *some)
    if people := set(concerned).union(*(draft.concerned for draft in drafts)):
        await doubt_rights(tx, people, now)
    work = [
        (kind.value, subject, draft.session.academy_id, due_at)
        for draft in drafts
        for kind, due_at, subject in draft.work
    ]
    if work:  # it may be about people: they are locked by now
        await sql.execute_many(ADD_WORK, work)
    for draft in drafts:
        if draft.events:
            tx.on_commit(partial(publish_version, draft.session.id, draft.session.version))
    if due := [moment for draft in drafts for moment in draft.newly_due()]:
        tx.on_commit(partial(publish_due, min(due)))
    moves = [fact for _, fact in facts if fact.kind is SessionEventKind.STATUS_CHANGED]
    for to, number in Counter(fact.payload["to"] for fact in moves).items():
        tx.on_commit(partial(telemetry.count_transitions, to, number))


async def _update_rows(drafts: list[Draft]) -> None:
    """Update all rows by one statement: a column that one of them changed is written for all."""
    for draft in drafts:
        if draft.events:
            draft.change(updated_at=draft.now)
            draft.changed |= {"version", "version_mark"}
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
