import strawberry
from tortoise.expressions import Q

import models
from domain.cursors import stream_cursor
from domain.presence import statistics, to_ms
from models.pages import page
from models.rosters import rosters, states_of
from resolvers.context import Info
from resolvers.sessions import find_session
from schema.types.attendance import Attendance, AttendanceStatistics
from schema.types.given import given
from schema.types.ids import Kind, number_of
from schema.types.inputs import AttendanceFilter
from schema.types.pages import Connection
from schema.types.presence import PresenceSnapshot
from schema.types.session import attendance_of, session_of, window_of


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
    rows = models.SessionParticipant.visible_to(info.context.viewer).filter(
        _of_whom(filter) & _of_what(filter)
    )
    found = await page(rows, first=given(first), after=given(after))
    return await info.context.attendances(found)


def _of_whom(filter: AttendanceFilter) -> Q:
    condition = Q()
    if filter.academy_id:
        condition &= Q(session__academy_id=number_of(Kind.ACADEMY, filter.academy_id) or 0)
    if filter.session_id:
        condition &= Q(session_id=number_of(Kind.SESSION, filter.session_id) or 0)
    if filter.user_id:
        condition &= Q(user_id=number_of(Kind.USER, filter.user_id) or 0)
    if filter.teacher_id:
        condition &= Q(session__teacher_id=number_of(Kind.USER, filter.teacher_id) or 0)
    if filter.group_id:
        condition &= Q(session__group_id=number_of(Kind.GROUP, filter.group_id) or 0)
    return condition


def _of_what(filter: AttendanceFilter) -> Q:
    condition = Q()
    if filter.roles:
        condition &= Q(role__in=filter.roles)
    if filter.kinds:
        condition &= Q(session__kind__in=filter.kinds)
    if filter.statuses:
        condition &= Q(attendance__status__in=filter.statuses)
    if given(filter.is_final) is not None:
        condition &= Q(session__finalised_at__isnull=not filter.is_final)
    if filter.from_:
        condition &= Q(session__scheduled_at__gte=filter.from_)
    if filter.to:
        condition &= Q(session__scheduled_at__lt=filter.to)
    return condition


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
