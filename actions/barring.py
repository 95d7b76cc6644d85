"""Keeping somebody out of one session: no token, no stream, and out of its room whenever seen.

So are teachers who have no part in it any more: their tokens say that the room is theirs to run.
"""

from collections.abc import Iterable
from datetime import datetime

from actions.bulk import again_if_raced
from actions.participants import find_person, row_of
from actions.roster import tell_row
from actions.stream import Draft, writing
from domain.access import Permit, UserRole, Viewer
from domain.errors import ForbiddenError, NotFoundError
from domain.rooms import user_number
from domain.session import WorkKind
from gateways.livekit import LiveKit
from models import Session, SessionParticipant, User
from models.standing import standings


async def bar(viewer: Viewer, session_id: int, user_id: int, now: datetime) -> Session:
    """Until they are let in again. Whoever is barred already stays so, since then and by whom.

    FORBIDDEN for those who manage the session: they would let themselves in.
    """
    await Session.fetch_for(viewer, session_id, Permit.MANAGE)
    return await again_if_raced(lambda: _bar(viewer, session_id, user_id, now))


async def _bar(viewer: Viewer, session_id: int, user_id: int, now: datetime) -> Session:
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
    return await again_if_raced(lambda: _unbar(session_id, user_id, now))


async def _unbar(session_id: int, user_id: int, now: datetime) -> Session:
    async with writing(session_id, now) as draft:
        row = await SessionParticipant.get_or_none(session_id=session_id, user_id=user_id)
        if row is None:
            raise NotFoundError("Nobody of this session.", ("userId",))
        if row.barred_at is not None:
            row.barred_at = row.barred_by_id = None
            await row.save(update_fields=["barred_at", "barred_by_id"])
            await tell_row(draft, row)
    return draft.session


async def keep_out(draft: Draft, user_ids: Iterable[int]) -> None:
    """Of these people who were seen in the room, have those removed who must not be there."""
    rows = SessionParticipant.filter(session_id=draft.session.id, user_id__in=list(user_ids))
    for row in await rows.order_by("id"):
        if await _must_leave(draft.session, row, draft.now):
            draft.plan(WorkKind.REMOVE_PERSON, draft.now, row.id)


async def _must_leave(session: Session, row: SessionParticipant, now: datetime) -> bool:
    if row.barred_at is not None:
        return True
    if row.role is not UserRole.TEACHER or row.user_id == session.teacher_id:
        return False
    person = await User.get(id=row.user_id)
    viewer = Viewer(person.id, person.role, person.academy_id)
    return not (await standings(viewer, [session], now))[session.id].may_join


async def remove_person(livekit: LiveKit, participant_id: int, now: datetime) -> None:
    """Put somebody who still must not be there out of the room; not to be there is success.

    Under every identity of theirs: a name may have changed since their token was made.
    """
    row = await SessionParticipant.get_or_none(id=participant_id).select_related("session")
    if row is None or not await _must_leave(row.session, row, now):
        return
    room = row.session.room_name
    if room is None or room not in await livekit.list_rooms():
        return
    for person in await livekit.list_participants(room):
        if user_number(person.identity) == row.user_id:
            await livekit.remove_participant(room, person.identity)
