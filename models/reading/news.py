"""Reads what is new in watched sessions, for many of them in a few statements."""

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
class News:
    """A session, its events after a version and up to its own, and the people of its changes."""

    session: Session
    events: list[SessionEvent] = field(default_factory=list)
    people: dict[int, User] = field(default_factory=dict)


async def read_news(asked: Collection[Since]) -> dict[int, News]:
    """Read the news of different sessions, by session; one that is not there is left out."""
    sessions = await Session.filter(id__in=[one.session_id for one in asked]) if asked else []
    found = {session.id: News(session) for session in sessions}
    versions = {session.id: session.version for session in sessions}
    behind = [one for one in asked if one.version < versions.get(one.session_id, 0)]
    if behind:
        after = [Q(session_id=one.session_id, sequence__gt=one.version) for one in behind]
        for event in await SessionEvent.filter(reduce(or_, after)).order_by("sequence"):
            if event.sequence <= versions[event.session_id]:  # the next hint tells of the others
                found[event.session_id].events.append(event)
    wanted = {one.session_id: {*one.user_ids} for one in asked}
    for number, news in found.items():
        wanted[number] |= {
            event.payload["user_id"] for event in news.events if event.kind in PRESENCE_KINDS
        }
    everybody = set().union(*wanted.values())
    people = await User.in_bulk(everybody, "id") if everybody else {}
    for number, news in found.items():
        news.people = {one: people[one] for one in wanted[number] if one in people}
    return found
