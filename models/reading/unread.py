"""Reads what hubs have not read yet of their sessions, for many in a few statements."""

from collections.abc import Collection
from dataclasses import dataclass, field
from functools import reduce
from operator import or_

from tortoise.expressions import Q

from domain.event import PRESENCE_KINDS
from models.event import SessionEvent
from models.session import Session
from models.user import User


@dataclass(frozen=True, slots=True)
class Since:
    """Asks what is new in a session after a version, and for these people in any case."""

    session_id: int
    version: int
    user_ids: Collection[int] = ()


@dataclass(slots=True)
class Unread:
    """A session, its events after a version and up to its own, and the people of its changes.

    `subjects` are the ids of those whose presence changed; `people` has others too.
    """

    session: Session
    events: list[SessionEvent] = field(default_factory=list)
    subjects: set[int] = field(default_factory=set)
    people: dict[int, User] = field(default_factory=dict)


async def read_unread(asked: Collection[Since]) -> dict[int, Unread]:
    """Read it for different sessions, by their ids; a session that is not there is left out."""
    sessions = await Session.filter(id__in=[since.session_id for since in asked]) if asked else []
    found = {session.id: Unread(session) for session in sessions}
    versions = {session.id: session.version for session in sessions}
    behind = [since for since in asked if since.version < versions.get(since.session_id, 0)]
    if behind:
        after = [Q(session_id=since.session_id, sequence__gt=since.version) for since in behind]
        for event in await SessionEvent.filter(reduce(or_, after)).order_by("sequence"):
            if event.sequence <= versions[event.session_id]:  # the next hint tells of the others
                found[event.session_id].events.append(event)
    wanted = {since.session_id: {*since.user_ids} for since in asked}
    for session_id, unread in found.items():
        changes = [event for event in unread.events if event.kind in PRESENCE_KINDS]
        unread.subjects = {event.payload["user_id"] for event in changes}
        wanted[session_id] |= unread.subjects
    everybody = set().union(*wanted.values())
    people = await User.in_bulk(everybody, "id") if everybody else {}
    for session_id, unread in found.items():
        unread.people = {
            user_id: people[user_id] for user_id in wanted[session_id] if user_id in people
        }
    return found
