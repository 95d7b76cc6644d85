import strawberry
from tortoise.expressions import Q

import models
from domain.cursors import stream_cursor
from domain.presence import statistics, to_ms
from models.pages import page
from models.rosters import rosters, states_of
from resolvers.context import Info
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
from schema.types.presence import PresenceSnapshot
from schema.types.session_kinds import session_of


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
    (state,) = await states_of([row])
    return attendance_of(state, session, info.context.now)


async def attendances(
    info: Info,
    filter: AttendanceFilter,
    first: int | None = strawberry.UNSET,
    after: str | None = strawberry.UNSET,
) -> Connection[Attendance]:
    rows = models.SessionParticipant.visible_to(info.context.viewer).filter(_wanted(filter))
    found = await page(rows, first=given(first), after=given(after))
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
    viewer, now = info.context.viewer, info.context.now
    session = await find_session(viewer, session_id, now)
    if session is None or not session.is_managed_by(viewer):
        return None
    # The version first: a change that comes between is applied twice by a client, never missed.
    states = (await rosters([session.id]))[session.id]
    return PresenceSnapshot(
        cursor=stream_cursor(session.id, session.version),
        version=session.version,
        as_of=now,
        session=session_of(session),
        attendances=[attendance_of(state, session, now) for state in states],
        statistics=AttendanceStatistics.of(statistics(states, window_of(session), to_ms(now))),
    )
