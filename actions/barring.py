"""Keeping somebody out of one session: no token, no stream, and out of its room whenever seen."""

from collections.abc import Iterable
from datetime import datetime

from actions.participants import find_person, row_of
from actions.roster import tell_row
from actions.stream import Draft, writing
from domain.access import Permit, Viewer
from domain.errors import ForbiddenError, NotFoundError
from domain.presence import AttendanceState
from domain.rooms import user_number
from domain.session import WorkKind
from gateways.livekit import LiveKit
from models import Session, SessionParticipant, User


async def bar(viewer: Viewer, session_id: int, user_id: int, now: datetime) -> Session:
    """Until they are let in again. Whoever is barred already stays so, since then and by whom.

    FORBIDDEN for those who manage the session: they would let themselves in.
    """
    await Session.fetch_for(viewer, session_id, Permit.MANAGE)
    async with writing(session_id, now) as draft:
        person = await find_person(draft.session, user_id)
        _check_no_manager(draft.session, person)
        row = await row_of(draft.session, person)
        if row.barred_at is None:
            row.barred_at, row.barred_by_id = now, viewer.user_id
            await row.save(update_fields=["barred_at", "barred_by_id"])
            await tell_row(draft, row)
        draft.concerned.add(person.id)
        draft.plan(WorkKind.REMOVE_PERSON, now, row.id)
    return draft.session


def _check_no_manager(session: Session, person: User) -> None:
    if session.is_managed_by(Viewer(person.id, person.role, person.academy_id)):
        raise ForbiddenError("Who manages a session cannot be barred from it.", ("userId",))


async def unbar(viewer: Viewer, session_id: int, user_id: int, now: datetime) -> Session:
    """They may come again as far as anything else lets them; who is not barred stays as they are.

    NOT_FOUND for who is not on the roster.
    """
    await Session.fetch_for(viewer, session_id, Permit.MANAGE)
    async with writing(session_id, now) as draft:
        row = await SessionParticipant.get_or_none(session_id=session_id, user_id=user_id)
        if row is None:
            raise NotFoundError("Nobody of this session.", ("userId",))
        if row.barred_at is not None:
            row.barred_at = row.barred_by_id = None
            await row.save(update_fields=["barred_at", "barred_by_id"])
            await tell_row(draft, row)
    return draft.session


def keep_out(draft: Draft, inside: Iterable[AttendanceState]) -> None:
    """Of these people who were seen in the room, have those removed who are barred."""
    for state in inside:
        if state.is_barred:
            draft.plan(WorkKind.REMOVE_PERSON, draft.now, state.participant_id)


async def remove_person(livekit: LiveKit, participant_id: int, now: datetime) -> None:
    """Put somebody who is still barred out of the room; not to be there is success.

    Under every identity of theirs: a name may have changed since their token was made.
    """
    row = await SessionParticipant.get_or_none(id=participant_id).select_related("session")
    if row is None or row.barred_at is None or row.session.room_name is None:
        return
    room = row.session.room_name
    if room not in await livekit.list_rooms():
        return
    for person in await livekit.list_participants(room):
        if user_number(person.identity) == row.user_id:
            await livekit.remove_participant(room, person.identity)
