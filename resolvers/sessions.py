"""Queries of sessions."""

from datetime import datetime
from typing import Any

import strawberry
from tortoise.expressions import Subquery

import models
from actions.clock.sweep import advance_among
from domain.access import Viewer
from domain.errors import InvalidInputError
from execution.context import Info
from execution.sessions import read_current_sessions
from models.reading.pages import BY_ID, Order, read_page
from models.reading.search import sessions_found
from models.reading.stuck import stuck_page
from models.reading.warnings import read_page_by_warnings
from resolvers.filters import (
    academy_asked,
    among,
    check_span,
    filled,
    named,
    on_local_date,
    within,
)
from schema.types.enums import SessionOrder
from schema.types.given import given
from schema.types.ids import Kind, encode, number_of
from schema.types.inputs import SessionFilter
from schema.types.pages import CountedConnection
from schema.types.session import Session
from schema.types.session_kinds import session_of


async def session(
    info: Info,
    id: strawberry.ID | None = strawberry.UNSET,
    room_name: str | None = strawberry.UNSET,
) -> Session | None:
    viewer, global_id, room = info.context.viewer, given(id), given(room_name)
    if (global_id is None) is (room is None):
        raise InvalidInputError("One of the two: `id` or `roomName`.")
    if room is not None:
        named_so = await models.Session.visible_to(viewer).get_or_none(room_name=room)
        global_id = encode(Kind.SESSION, named_so.id) if named_so else None
    row = await find_session(viewer, global_id or "", info.context.now)
    return session_of(row) if row else None


async def find_session(viewer: Viewer, global_id: str, now: datetime) -> models.Session | None:
    """Read one session by its id; None if there is none or the viewer may not see it."""
    number = number_of(Kind.SESSION, global_id) or 0
    return (await read_current_sessions(viewer, [number], now)).get(number)


async def sessions(
    info: Info,
    order_by: SessionOrder = SessionOrder.SCHEDULED_AT_ASC,
    filter: SessionFilter | None = strawberry.UNSET,
    first: int | None = strawberry.UNSET,
    after: str | None = strawberry.UNSET,
) -> CountedConnection[Session]:
    viewer, now = info.context.viewer, info.context.now
    order = Order("scheduled_at", descending=order_by is SessionOrder.SCHEDULED_AT_DESC)
    wanted = filter or SessionFilter()
    rows = models.Session.visible_to(viewer).filter(
        named("academy_id", Kind.ACADEMY, wanted.academy_id)
        & named("teacher_id", Kind.USER, wanted.teacher_id)
        & named("group_id", Kind.GROUP, wanted.group_id)
        & among("external_id", wanted.external_ids)
        & among("kind", wanted.kinds)
        & among("status", wanted.statuses)
        & filled("meeting_id", wanted.has_meeting)
        & within("scheduled_at", wanted.from_, wanted.to)
        & await on_local_date("scheduled_at", wanted.local_date, viewer, wanted.academy_id)
        & sessions_found(given(wanted.search) or "", academy_asked(viewer, wanted.academy_id))
    )
    if given(wanted.student_id) is not None:
        # Only the roster rows that the viewer may read: all rows would tell who else is expected.
        roster = models.SessionParticipant.visible_to(viewer).filter(
            named("user_id", Kind.USER, wanted.student_id), is_expected=True
        )
        rows = rows.filter(id__in=Subquery(roster.values("session_id")))
    part: dict[str, Any] = {"order": order, "first": given(first), "after": given(after)}
    if (warned := given(wanted.has_warnings)) is None:
        found = await read_page(rows, **part)
    else:
        check_span(wanted.from_, wanted.to, wanted.local_date, "hasWarnings")
        found = await read_page_by_warnings(rows, warned, viewer, now, **part)
    overdue = [row.id for row in found.rows if row.is_overdue(now)]
    await advance_among(overdue, now)
    fresh = {row.id: row for row in await models.Session.filter(id__in=overdue)}
    return CountedConnection[Session].of(
        found, cursor=order.cursor, node=lambda row: session_of(fresh.get(row.id, row))
    )


async def stuck_sessions(
    info: Info, first: int | None = strawberry.UNSET, after: str | None = strawberry.UNSET
) -> CountedConnection[Session]:
    context = info.context
    found = await stuck_page(context.viewer, context.now, first=given(first), after=given(after))
    return CountedConnection[Session].of(found, cursor=BY_ID.cursor, node=session_of)
