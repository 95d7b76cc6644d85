"""Adds people to one session who have no other right to come to it."""

from datetime import datetime

from actions.writing.roster import append_row, enrol
from actions.writing.stream import managing
from domain.access import Viewer
from domain.errors import BarredError, InvalidInputError, NotFoundError, WrongStatusError
from models import Session, SessionParticipant, User

NOBODY = "No such person in this academy."


async def add_participant(viewer: Viewer, session_id: int, user_id: int, now: datetime) -> Session:
    """Let a person whom the viewer may read see the session and join it.

    The person is not expected because of it. Adding twice is the same as adding once. NOT_FOUND for
    an access key's user: nobody comes with it.
    """
    async with managing(viewer, session_id, now) as draft:
        session = draft.session
        if session.status.is_over:
            raise WrongStatusError("The session is over.")
        person = await find_person(viewer, session, user_id)
        if person.is_service:
            raise NotFoundError(NOBODY, ("userId",))
        if not person.is_active:
            raise InvalidInputError("The person is not active.", ("userId",))
        row = await ensure_row(session, person)
        if row.barred_at is not None:
            raise BarredError("Barred from this session; unbar them instead.", ("userId",))
        if not row.is_added:
            row.is_added = True
            await row.save(update_fields=["is_added"])
            await append_row(draft, row)
    return draft.session


async def find_person(viewer: Viewer, session: Session, user_id: int) -> User:
    """Find a person whom the viewer may read or meets on the roster; NOT_FOUND for anybody else.

    An id can be guessed: a teacher must not get to read somebody by naming them.
    """
    person = await User.visible_to(viewer).get_or_none(id=user_id)
    if person is None:
        person = await User.get_or_none(id=user_id, participations__session_id=session.id)
    if person is None or person.academy_id not in (session.academy_id, None):
        raise NotFoundError(NOBODY, ("userId",))
    return person


async def ensure_row(
    session: Session, person: User, *, is_removed: bool = False
) -> SessionParticipant:
    """Return the person's row of the roster, and create it if there is none.

    `is_removed`: a row that is created gives them no part in the session.
    """
    row = await SessionParticipant.get_or_none(session_id=session.id, user_id=person.id)
    if row is None:
        row = await enrol(session, person.id, person.role, is_expected=False, is_removed=is_removed)
    return row
