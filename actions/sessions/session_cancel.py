"""Cancels sessions: one, or many at once."""

from datetime import datetime

from actions.sessions.session_status import because_of, move_by_person
from actions.writing.bulk import Refusals, check_count, retried_if_raced
from actions.writing.draft import Draft
from actions.writing.moves import Because
from actions.writing.stream import lock_all, managing, write
from domain.access import Permit, Viewer
from domain.errors import NotFoundError
from domain.status import SessionStatus
from models import Session
from models.database.atomic import atomic


async def cancel_session(
    viewer: Viewer, session_id: int, reason: str | None, now: datetime
) -> Session:
    async with managing(viewer, session_id, now) as draft:
        await move_by_person(draft, SessionStatus.CANCELLED, because_of(viewer, reason))
    return draft.session


@retried_if_raced
async def cancel_sessions(
    viewer: Viewer, session_ids: list[int], reason: str | None, now: datetime
) -> list[Session]:
    """Cancel all, or raise RefusedError. Return them in the order given.

    A cancelled session stays as it is: the answer to a first call may have been lost.
    """
    check_count(len(session_ids), "sessions")
    because = because_of(viewer, reason)
    refusals = Refusals()
    async with atomic() as tx:
        rows = Session.visible_to(viewer).filter(id__in=session_ids)
        drafts = {draft.session.id: draft for draft in await lock_all(rows, now)}
        for session_id in dict.fromkeys(session_ids):
            with refusals.under(session_ids.index(session_id)):
                await _cancel_one(viewer, drafts.get(session_id), because)
        refusals.check()
        await write(tx, drafts.values(), now)
    return [drafts[session_id].session for session_id in session_ids]


async def _cancel_one(viewer: Viewer, draft: Draft | None, because: Because) -> None:
    if draft is None:
        raise NotFoundError("No such session.")
    draft.session.check(viewer, Permit.SCHEDULE)
    if draft.session.status is not SessionStatus.CANCELLED:
        await move_by_person(draft, SessionStatus.CANCELLED, because)
