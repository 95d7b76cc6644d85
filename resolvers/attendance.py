"""Queries of attendance and presence."""

from datetime import datetime

import strawberry
from tortoise.expressions import Q

import models
from domain.cursors import stream_version
from domain.event import PRESENCE_KINDS, ROSTER_KINDS
from execution.context import Info
from models.attendance import TO_REVIEW
from models.reading.pages import read_page
from models.reading.rosters import read_rosters, read_states
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
    since = stream_version(after, session.id)
    if since is None or not 0 <= session.version - since <= CHANGES_MAX_EVENTS:
        return await _snapshot(session, now)
    stream = models.SessionEvent.filter(session_id=session.id, kind__in=ROSTER_KINDS)
    events = stream.filter(sequence__gt=since, sequence__lte=session.version).order_by("sequence")
    news = [row for row in await events if row.kind in PRESENCE_KINDS]
    before = await stream.filter(sequence__lte=since).order_by("-sequence").first()
    roster = (await read_rosters([session.id])).get(session.id, [])
    from_version = before.sequence if before else 0
    return PresenceChanges.of(news, from_version, session.version, roster, session, now)


async def _managed(info: Info, session_id: str) -> models.Session | None:
    session = await find_session(info.context.viewer, session_id, info.context.now)
    manages = session is not None and session.is_managed_by(info.context.viewer)
    return session if manages else None


async def _snapshot(session: models.Session, now: datetime) -> PresenceSnapshot:
    # The version is older than the rows: a client may apply a change twice but never misses one.
    roster = (await read_rosters([session.id])).get(session.id, [])
    return PresenceSnapshot.of(roster, session, now)
