"""Access to a session, its roster or one row of it; asked for one or for many at once."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import models
from domain.access import Permit, Viewer
from domain.errors import DomainError, ForbiddenError, NotFoundError
from execution.sessions import read_current_sessions
from models.database import sql
from models.reading.standing import Grounds, read_grounds
from subscriptions.right import Footing


@dataclass(frozen=True, slots=True)
class SessionAccess:
    """A session, roster or row that somebody asks to watch. Calling it authorises them.

    A session is for those who manage it and those who take part in it; its roster for the former;
    one row for those who manage it, the row's own person and that person's guardians.
    """

    session_id: int
    is_to_roster: bool = False
    row_of: int | None = None

    async def __call__(self, viewer: Viewer, now: datetime) -> Footing:
        answer = (await authorise_all(viewer, [self], now))[self]
        if isinstance(answer, DomainError):
            raise answer
        return answer


@dataclass(frozen=True, slots=True)
class _Found:
    """Holds what is read to answer: the sessions and rows that the viewer sees, and why."""

    sessions: dict[int, models.Session]
    rows: set[tuple[int, int]]
    grounds: Grounds


async def authorise_all(
    viewer: Viewer, asked: Collection[SessionAccess], now: datetime
) -> dict[SessionAccess, Footing | DomainError]:
    """Answer all in a few statements: the footing, or the error that says why not."""
    answers: dict[SessionAccess, Footing | DomainError] = {}
    for some in sql.batches(list(asked)):
        found = await _read(viewer, some, now)
        for one in some:
            try:
                answers[one] = _authorise(one, found, viewer, now)
            except DomainError as refusal:
                answers[one] = refusal
    return answers


async def _read(viewer: Viewer, asked: Collection[SessionAccess], now: datetime) -> _Found:
    sessions = await read_current_sessions(viewer, {one.session_id for one in asked}, now)
    rows: list[models.SessionParticipant] = []
    if of_rows := [one for one in asked if one.row_of is not None]:
        rows = await models.SessionParticipant.visible_to(viewer).filter(
            session_id__in={one.session_id for one in of_rows},
            user_id__in={one.row_of for one in of_rows},
        )
    return _Found(
        sessions,
        {(row.session_id, row.user_id) for row in rows},
        await read_grounds([viewer], list(sessions.values())),
    )


def _authorise(one: SessionAccess, found: _Found, viewer: Viewer, now: datetime) -> Footing:
    session = found.sessions.get(one.session_id)
    if session is None:
        raise NotFoundError("No such session.")
    session.check(viewer, Permit.SEE)
    standing = found.grounds.standing(viewer, session, now, one.row_of)
    if one.is_to_roster and not standing.manages:  # others are not told that there is a roster
        raise NotFoundError("No such session.")
    if one.row_of is not None and (session.id, one.row_of) not in found.rows:
        raise NotFoundError("No such attendance.")
    if standing.audience is None:
        raise ForbiddenError("You do not take part in this session.")
    return Footing(standing.audience, standing.until)
