"""Bars people from one session: no token, no stream, and removal from its room whenever seen."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from actions.admittance.grants import grants_now, is_too_much
from actions.admittance.participants import ensure_row, find_person
from actions.writing.bulk import retried_if_raced
from actions.writing.draft import Draft
from actions.writing.rights import doubt_rights
from actions.writing.roster import append_row
from actions.writing.stream import managing
from domain.access import Viewer
from domain.errors import ForbiddenError, NotFoundError
from domain.rooms import user_number
from domain.session import WorkKind
from gateways.livekit import LiveKit
from gateways.livekit_tokens import Grant
from models import Session, SessionParticipant, User
from models.database import sql
from models.database.atomic import atomic

HeldGrant = tuple[int, int, Grant]  # session id, user id, and the grant with which they came in


@retried_if_raced
async def bar_participant(viewer: Viewer, session_id: int, user_id: int, now: datetime) -> Session:
    """Bar a person until they are unbarred; a person who is barred already stays as they are.

    FORBIDDEN for people who manage the session: they could unbar themselves.
    """
    async with managing(viewer, session_id, now) as draft:
        person = await find_person(viewer, draft.session, user_id)
        if draft.session.is_managed_by(person.as_viewer()):
            raise ForbiddenError("Who manages a session cannot be barred from it.", ("userId",))
        row = await ensure_row(draft.session, person, is_removed=True)
        if row.barred_at is None:
            row.barred_at, row.barred_by_id = now, viewer.user_id
            await row.save(update_fields=["barred_at", "barred_by_id"])
            await append_row(draft, row)
        draft.concerned.add(person.id)
        draft.add_work(WorkKind.REMOVE_PERSON, now, row.id)
    return draft.session


@retried_if_raced
async def unbar_participant(
    viewer: Viewer, session_id: int, user_id: int, now: datetime
) -> Session:
    """Unbar a person: their other rights hold again. A person who is not barred stays as they are.

    NOT_FOUND for a person who is not on the roster. FORBIDDEN for oneself: who was barred may have
    got to manage the session since.
    """
    async with managing(viewer, session_id, now) as draft:
        row = await SessionParticipant.get_or_none(session_id=session_id, user_id=user_id)
        if row is None:
            raise NotFoundError("Nobody of this session.", ("userId",))
        if row.barred_at is not None:
            if user_id == viewer.user_id:
                raise ForbiddenError("Nobody unbars themselves.", ("userId",))
            row.barred_at = row.barred_by_id = None
            await row.save(update_fields=["barred_at", "barred_by_id"])
            await append_row(draft, row)
    return draft.session


async def keep_out(draft: Draft, user_ids: Iterable[int]) -> None:
    """Have people who just came in removed, unless a token would let them in now."""
    session = draft.session
    came = [(session.id, user_id, Grant()) for user_id in user_ids]
    draft.concerned |= await _who_must_leave({session.id: session}, came, draft.now)


async def put_out(
    rooms: Mapping[int, Session], inside: Collection[HeldGrant], now: datetime
) -> None:
    """Have people removed from rooms who would get no token now, or a lesser grant than they hold.

    `rooms` are the sessions by id.
    """
    leaving = await _who_must_leave(rooms, inside, now)
    if leaving:
        async with atomic() as tx:
            await doubt_rights(tx, leaving, now)


async def _who_must_leave(
    rooms: Mapping[int, Session], inside: Collection[HeldGrant], now: datetime
) -> set[int]:
    """Find them with a few statements, however many people are inside."""
    users: dict[int, User] = {}
    for some in sql.batches(sorted({user_id for _, user_id, _ in inside})):
        users |= {user.id: user for user in await User.filter(id__in=some)}
    known = [
        (session_id, user_id, held) for session_id, user_id, held in inside if user_id in users
    ]
    places = {(session_id, user_id) for session_id, user_id, _ in known}
    grants = await grants_now([(rooms[room], users[user_id]) for room, user_id in places], now)
    return {
        user_id
        for session_id, user_id, held in known
        if is_too_much(held, grants[session_id, user_id])
    }


async def remove_person(livekit: LiveKit, participant_id: int, now: datetime) -> None:
    """Remove a participant who would get no token now, or a lesser grant than they hold.

    They may be there under several identities: their name may have changed since a token was made.
    Nobody to remove is success.
    """
    row = await SessionParticipant.get_or_none(id=participant_id).select_related("session", "user")
    if row is None:
        return
    grant = (await grants_now([(row.session, row.user)], now))[row.session_id, row.user_id]
    room = row.session.room_name
    if room is None or room not in await livekit.list_rooms():
        return
    for person in await livekit.list_participants(room):
        if user_number(person.identity) == row.user_id and is_too_much(person.grant, grant):
            await livekit.remove_participant(room, person.identity)
