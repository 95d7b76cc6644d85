"""Access to a session, its roster or one row of it; asked for one or for many at once."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

import models
from actions.clock.sweep import advance_among
from domain.access import Permit, Viewer
from domain.errors import DomainError, ForbiddenError, NotFoundError
from models.database import sql
from models.reading.standing import Grounds, read_grounds
from models.reading.viewers import read_rights_versions
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


class OldViewerError(Exception):
    """The viewer's rights are not those of their row any more."""


@dataclass(frozen=True, slots=True)
class Asking:
    """Somebody who asks for access at a moment."""

    viewer: Viewer
    access: SessionAccess
    now: datetime


@dataclass(frozen=True, slots=True)
class _Found:
    """Holds what is read to answer: the sessions, the rows that are asked for, and the grounds."""

    sessions: dict[int, models.Session]
    rows: dict[tuple[int, int], models.SessionParticipant]
    grounds: Grounds

    def seen(self, one: Asking) -> models.Session | None:
        """Return the session if who asks may see it."""
        session = self.sessions.get(one.access.session_id)
        return session if session and self.grounds.sees(one.viewer, session) else None

    def is_overdue(self, one: Asking) -> bool:
        session = self.seen(one)
        return session is not None and session.is_overdue(one.now)


async def authorise_all(
    viewer: Viewer, asked: Collection[SessionAccess], now: datetime
) -> dict[SessionAccess, Footing | DomainError]:
    """Answer all in a few statements: the footing, or the error that says why not.

    The overdue sessions among them are advanced first.
    """
    answers: dict[SessionAccess, Footing | DomainError] = {}
    for some in sql.batches([Asking(viewer, access, now) for access in asked]):
        found = await _read(some)
        if overdue := {one.access.session_id for one in some if found.is_overdue(one)}:
            await advance_among(sorted(overdue), now)
            found = await _read(some)  # also when another process was quicker
        answers |= {one.access: _authorise(one, found) for one in some}
    return answers


async def authorise_together(asked: Sequence[Asking]) -> list[Footing | Exception | None]:
    """Answer many people in as few statements, and only by reading.

    None: the session is overdue, and who asks has to be authorised alone. OldViewerError: the
    viewer comes from memory, and somebody has changed their rights since.
    """
    # Read first: a change that comes later is heard of, or found by its version.
    versions = await read_rights_versions({one.viewer.user_id for one in asked})
    found = await _read(asked)
    answers: list[Footing | Exception | None] = []
    for one in asked:
        if one.viewer.rights_version != versions.get(one.viewer.user_id):
            answers.append(OldViewerError())
        else:
            answers.append(None if found.is_overdue(one) else _authorise(one, found))
    return answers


async def _read(asked: Collection[Asking]) -> _Found:
    ids = {one.access.session_id for one in asked}
    sessions = {one.id: one for one in await models.Session.filter(id__in=ids)}
    rows: list[models.SessionParticipant] = []
    if of_rows := [one.access for one in asked if one.access.row_of is not None]:
        rows = await models.SessionParticipant.filter(
            session_id__in={one.session_id for one in of_rows},
            user_id__in={one.row_of for one in of_rows},
        )
    viewers = [one.viewer for one in asked]
    return _Found(
        sessions,
        {(row.session_id, row.user_id): row for row in rows},
        await read_grounds(viewers, list(sessions.values())),
    )


def _authorise(one: Asking, found: _Found) -> Footing | DomainError:
    session, viewer, access = found.seen(one), one.viewer, one.access
    if session is None:
        return NotFoundError("No such session.")
    if not viewer.may(Permit.SEE):
        return ForbiddenError("Your role does not allow this.")
    standing = found.grounds.standing(viewer, session, one.now, access.row_of)
    if access.is_to_roster and not standing.manages:  # others are not told that there is a roster
        return NotFoundError("No such session.")
    if access.row_of is not None:
        row = found.rows.get((session.id, access.row_of))
        if row is None or not found.grounds.sees_row(viewer, session, row):
            return NotFoundError("No such attendance.")
    if standing.audience is None:
        return ForbiddenError("You do not take part in this session.")
    return Footing(standing.audience, standing.until)
