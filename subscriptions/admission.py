"""Who may watch a session, its roster, or one row of it; asked for one or for many at once."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

import models
from actions.clock.sweep import advance_among
from domain.access import Permit, Viewer
from domain.errors import DomainError, ForbiddenError, NotFoundError
from models.database import sql
from models.reading.standing import Grounds, read_grounds
from subscriptions.right import Footing


@dataclass(frozen=True, slots=True)
class Admission:
    """Those who manage a session, and those who take part in it; to its roster the former alone;
    to one row of it the former, and those whose own or whose child's it is."""

    session_id: int
    is_to_roster: bool = False
    row_of: int | None = None

    async def __call__(self, viewer: Viewer, now: datetime) -> Footing:
        answer = (await admit_all(viewer, [self], now))[self]
        if isinstance(answer, DomainError):
            raise answer
        return answer


def to_session(session_id: int) -> Admission:
    return Admission(session_id)


def to_roster(session_id: int) -> Admission:
    return Admission(session_id, is_to_roster=True)


def to_row(session_id: int, user_id: int) -> Admission:
    return Admission(session_id, row_of=user_id)


@dataclass(frozen=True, slots=True)
class _Found:
    """What is read to answer: the sessions and the rows that the viewer sees, and why they may."""

    sessions: dict[int, models.Session]
    rows: set[tuple[int, int]]
    grounds: Grounds


async def admit_all(
    viewer: Viewer, asked: Collection[Admission], now: datetime
) -> dict[Admission, Footing | DomainError]:
    """As whom the viewer may watch each of these, or why not: in a few statements for all."""
    answers: dict[Admission, Footing | DomainError] = {}
    for some in sql.batches(list(asked)):
        found = await _find(viewer, some, now)
        answers |= {one: _answer(one, found, viewer, now) for one in some}
    return answers


async def _find(viewer: Viewer, asked: Collection[Admission], now: datetime) -> _Found:
    sessions = await _sessions(viewer, {one.session_id for one in asked}, now)
    rows = await _rows(viewer, [one for one in asked if one.row_of is not None])
    return _Found(sessions, rows, await read_grounds([viewer], list(sessions.values())))


async def _sessions(
    viewer: Viewer, session_ids: Iterable[int], now: datetime
) -> dict[int, models.Session]:
    """Those the viewer sees; what is overdue is advanced first."""
    visible = models.Session.visible_to(viewer).filter(id__in=session_ids)
    found = await visible
    overdue = [session.id for session in found if session.is_overdue(now)]
    if overdue:
        await advance_among(overdue, now)
        found = await visible
    return {session.id: session for session in found}


async def _rows(viewer: Viewer, asked: Collection[Admission]) -> set[tuple[int, int]]:
    if not asked:
        return set()
    rows = models.SessionParticipant.visible_to(viewer).filter(
        session_id__in={one.session_id for one in asked},
        user_id__in={one.row_of for one in asked},
    )
    return {(row.session_id, row.user_id) for row in await rows}


def _answer(one: Admission, found: _Found, viewer: Viewer, now: datetime) -> Footing | DomainError:
    try:
        return _footing(one, found, viewer, now)
    except DomainError as refusal:
        return refusal


def _footing(one: Admission, found: _Found, viewer: Viewer, now: datetime) -> Footing:
    session = found.sessions.get(one.session_id)
    if session is None:
        raise NotFoundError("No such session.")
    session.check(viewer, Permit.SEE)
    standing = found.grounds.standing(viewer, session, now, one.row_of)
    if one.is_to_roster and not standing.manages:  # to all others there is no such thing
        raise NotFoundError("No such session.")
    if one.row_of is not None and (session.id, one.row_of) not in found.rows:
        raise NotFoundError("No such attendance.")
    if standing.audience is None:
        raise ForbiddenError("You do not take part in this session.")
    return Footing(standing.audience, standing.until)
