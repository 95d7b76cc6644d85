"""Queries of attendance and presence."""

from datetime import datetime

import strawberry
from tortoise.expressions import Q

import models
from domain.cursors import Place, stream_place
from domain.event import PRESENCE_KINDS
from execution.context import Info
from models.attendance import TO_REVIEW
from models.reading.pages import read_page
from models.reading.rosters import read_rosters, read_states
from models.reading.stream_places import read_place
from resolvers.filters import among, filled, named, within
from resolvers.sessions import find_session
from schema.types.attendance import Attendance
from schema.types.given import given
from schema.types.ids import Kind, number_of
from schema.types.inputs import AttendanceFilter
from schema.types.pages import CountedConnection
from schema.types.presence import PresenceChanges, PresenceEvent, PresenceSnapshot

CHANGES_MAX_EVENTS = 1024  # events that one answer of sessionPresenceChanges may cover


async def attendance(
    info: Info, session_id: strawberry.ID, user_id: strawberry.ID
) -> Attendance | None:
    session = await find_session(info.context.viewer, session_id, info.context.now)
    rows = models.SessionParticipant.visible_to(info.context.viewer).filter(
        session_id=session.id if session else 0, user_id=number_of(Kind.USER, user_id) or 0
    )
    row = await rows.first()
    if session is None or row is None:
        return None
    (state,) = await read_states([row])
    return Attendance.of(state, session, info.context.now)


async def attendances(
    info: Info,
    filter: AttendanceFilter,
    first: int | None = strawberry.UNSET,
    after: str | None = strawberry.UNSET,
) -> CountedConnection[Attendance]:
    rows = models.SessionParticipant.visible_to(info.context.viewer).filter(
        named("session__academy_id", Kind.ACADEMY, filter.academy_id)
        & named("session_id", Kind.SESSION, filter.session_id)
        & named("user_id", Kind.USER, filter.user_id)
        & named("session__teacher_id", Kind.USER, filter.teacher_id)
        & named("session__group_id", Kind.GROUP, filter.group_id)
        & among("role", filter.roles)
        & among("session__kind", filter.kinds)
        & among("attendance__status", filter.statuses)
        & filled("session__finalised_at", filter.is_final)
        & _reviewed(filter.needs_review)
        & within("session__scheduled_at", filter.from_, filter.to)
    )
    found = await read_page(rows, first=given(first), after=given(after))
    return await info.context.attendances(found)


def _reviewed(wanted: bool | None) -> Q:
    """Match rows that somebody should look at, or all others, also those without a result."""
    if given(wanted) is None:
        return Q()
    return Q(id__in=TO_REVIEW) if wanted else Q(id__not_in=TO_REVIEW)


async def session_presence(info: Info, session_id: strawberry.ID) -> PresenceSnapshot | None:
    """Return the roster now, or None if the viewer does not manage the session."""
    session = await _managed(info, session_id)
    return await _snapshot(session, info.context.now) if session else None


async def session_presence_changes(
    info: Info, session_id: strawberry.ID, after: str
) -> PresenceEvent | None:
    """Return what changed since `after`, or the whole roster if that is not possible.

    It is not possible if `after` is too old, in the future, or no cursor of this session. The
    answer is None if the viewer does not manage the session.
    """
    now = info.context.now
    session = await _managed(info, session_id)
    if session is None:
        return None
    since = stream_place(after, session.id)
    if since is None or not 0 <= session.version - since.version <= CHANGES_MAX_EVENTS:
        return await _snapshot(session, now)
    place, from_version = await read_place(session.id, since.version)
    if since != place:  # another event is there: the database was restored from a backup
        return await _snapshot(session, now)
    events = models.SessionEvent.filter(
        session_id=session.id,
        kind__in=PRESENCE_KINDS,
        sequence__gt=since.version,
        sequence__lte=session.version,
    )
    news = await events.order_by("sequence")
    roster = (await read_rosters([session.id])).get(session.id, [])
    there = Place(session.version, session.version_mark)
    return PresenceChanges.of(news, from_version, there, roster, session, now)


async def _managed(info: Info, session_id: str) -> models.Session | None:
    session = await find_session(info.context.viewer, session_id, info.context.now)
    manages = session is not None and session.is_managed_by(info.context.viewer)
    return session if manages else None


async def _snapshot(session: models.Session, now: datetime) -> PresenceSnapshot:
    # The version is older than the rows: a client may apply a change twice but never misses one.
    roster = (await read_rosters([session.id])).get(session.id, [])
    return PresenceSnapshot.of(roster, session, now)
