from datetime import datetime

import strawberry
from tortoise.expressions import Q

import models
from domain.attendance.state import AttendanceState, statistics, to_ms
from domain.cursors import stream_cursor, stream_version
from domain.event import ROSTER_KINDS
from execution.context import Info
from models.reading.pages import read_page
from models.reading.rosters import read_rosters, read_states
from resolvers.filters import among, filled, named, within
from resolvers.sessions import find_session
from schema.types.attendance import (
    Attendance,
    AttendanceStatistics,
    attendance_of,
    window_of,
)
from schema.types.given import given
from schema.types.ids import Kind, number_of
from schema.types.inputs import AttendanceFilter
from schema.types.pages import Connection
from schema.types.presence import PresenceChanges, PresenceEvent, PresenceSnapshot, settled
from schema.types.session_kinds import session_of

MOST_CHANGES = 1024  # events that are read for one answer


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
    return attendance_of(state, session, info.context.now)


async def attendances(
    info: Info,
    filter: AttendanceFilter,
    first: int | None = strawberry.UNSET,
    after: str | None = strawberry.UNSET,
) -> Connection[Attendance]:
    rows = models.SessionParticipant.visible_to(info.context.viewer).filter(_wanted(filter))
    found = await read_page(rows, first=given(first), after=given(after))
    return await info.context.attendances(found)


def _wanted(filter: AttendanceFilter) -> Q:
    return (
        named("session__academy_id", Kind.ACADEMY, filter.academy_id)
        & named("session_id", Kind.SESSION, filter.session_id)
        & named("user_id", Kind.USER, filter.user_id)
        & named("session__teacher_id", Kind.USER, filter.teacher_id)
        & named("session__group_id", Kind.GROUP, filter.group_id)
        & among("role", filter.roles)
        & among("session__kind", filter.kinds)
        & among("attendance__status", filter.statuses)
        & filled("session__finalised_at", filter.is_final)
        & within("session__scheduled_at", filter.from_, filter.to)
    )


async def session_presence(info: Info, session_id: strawberry.ID) -> PresenceSnapshot | None:
    """The roster now, from the tables, for those who manage the session."""
    session = await _managed(info, session_id)
    return await _snapshot(session, info.context.now) if session else None


async def session_presence_changes(
    info: Info, session_id: strawberry.ID, after: str
) -> PresenceEvent | None:
    """What changed since `after`; the roster where that is no cursor of this session, or too old.

    None for who does not manage the session.
    """
    session = await _managed(info, session_id)
    if session is None:
        return None
    since = stream_version(after, session.id)
    if since is None or not 0 <= session.version - since <= MOST_CHANGES:
        return await _snapshot(session, info.context.now)
    return await _changes(session, since, info.context.now)


async def _managed(info: Info, session_id: str) -> models.Session | None:
    session = await find_session(info.context.viewer, session_id, info.context.now)
    manages = session is not None and session.is_managed_by(info.context.viewer)
    return session if manages else None


async def _snapshot(session: models.Session, now: datetime) -> PresenceSnapshot:
    # The version first: a change that comes between is applied twice by a client, never missed.
    states = (await read_rosters([session.id])).get(session.id, [])
    return PresenceSnapshot(
        cursor=stream_cursor(session.id, session.version),
        version=session.version,
        as_of=now,
        session=session_of(session),
        attendances=[attendance_of(state, session, now) for state in states],
        statistics=_statistics(states, session, now),
    )


async def _changes(session: models.Session, since: int, now: datetime) -> PresenceChanges:
    stream = models.SessionEvent.filter(session_id=session.id, kind__in=ROSTER_KINDS)
    told = stream.filter(sequence__gt=since, sequence__lte=session.version).order_by("sequence")
    states, removed = settled([row for row in await told if row.kind.is_presence])
    before = await stream.filter(sequence__lte=since).order_by("-sequence").first()
    roster = (await read_rosters([session.id])).get(session.id, [])
    return PresenceChanges(
        cursor=stream_cursor(session.id, session.version),
        version=session.version,
        as_of=now,
        from_version=before.sequence if before else 0,
        changes=[attendance_of(state, session, now) for state in states],
        removed_ids=removed,
        statistics=_statistics(roster, session, now),
    )


def _statistics(
    states: list[AttendanceState], session: models.Session, now: datetime
) -> AttendanceStatistics:
    return AttendanceStatistics.of(statistics(states, window_of(session), to_ms(now)))
