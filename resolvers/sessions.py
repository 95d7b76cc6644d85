from datetime import datetime

import strawberry
from tortoise.expressions import Q, Subquery

import models
from actions.clock.sweep import advance_among
from domain.access import Viewer
from execution.context import Info
from models.reading.pages import BY_ID, Order, read_page
from models.reading.stuck import stuck_page
from resolvers.filters import among, filled, named, within
from schema.types.enums import SessionOrder
from schema.types.given import given
from schema.types.ids import Kind, number_of
from schema.types.inputs import SessionFilter
from schema.types.pages import Connection
from schema.types.session import Session
from schema.types.session_kinds import session_of


async def session(info: Info, id: strawberry.ID) -> Session | None:
    row = await find_session(info.context.viewer, id, info.context.now)
    return session_of(row) if row else None


async def find_session(viewer: Viewer, global_id: str, now: datetime) -> models.Session | None:
    """A session as it should be now: one that is overdue is advanced first."""
    rows = models.Session.visible_to(viewer).filter(id=number_of(Kind.SESSION, global_id) or 0)
    row = await rows.first()
    if row and row.is_overdue(now):
        await advance_among([row.id], now)
        row = await rows.first()  # also where somebody else was quicker
    return row


async def sessions(
    info: Info,
    order_by: SessionOrder = SessionOrder.SCHEDULED_AT_ASC,
    filter: SessionFilter | None = strawberry.UNSET,
    first: int | None = strawberry.UNSET,
    after: str | None = strawberry.UNSET,
) -> Connection[Session]:
    viewer, now = info.context.viewer, info.context.now
    order = Order("scheduled_at", descending=order_by is SessionOrder.SCHEDULED_AT_DESC)
    rows = models.Session.visible_to(viewer).filter(wanted(filter or SessionFilter(), viewer))
    found = await read_page(rows, order=order, first=given(first), after=given(after))
    overdue = [row.id for row in found.rows if row.is_overdue(now)]
    await advance_among(overdue, now)
    fresh = {row.id: row for row in await models.Session.filter(id__in=overdue)}
    return Connection[Session].of(
        found, cursor=order.cursor, node=lambda row: session_of(fresh.get(row.id, row))
    )


async def stuck_sessions(
    info: Info, first: int | None = strawberry.UNSET, after: str | None = strawberry.UNSET
) -> Connection[Session]:
    context = info.context
    found = await stuck_page(context.viewer, context.now, first=given(first), after=given(after))
    return Connection[Session].of(found, cursor=BY_ID.cursor, node=session_of)


def wanted(filter: SessionFilter, viewer: Viewer) -> Q:
    """A filter as a condition on sessions."""
    return (
        named("academy_id", Kind.ACADEMY, filter.academy_id)
        & named("teacher_id", Kind.USER, filter.teacher_id)
        & named("group_id", Kind.GROUP, filter.group_id)
        & _expecting(filter.student_id, viewer)
        & among("external_id", filter.external_ids)
        & among("kind", filter.kinds)
        & among("status", filter.statuses)
        & filled("meeting_id", filter.has_meeting)
        & within("scheduled_at", filter.from_, filter.to)
    )


def _expecting(student_id: str | None, viewer: Viewer) -> Q:
    """Only by rows the viewer may read: else it would tell who else is in one's session."""
    if given(student_id) is None:
        return Q()
    rows = models.SessionParticipant.visible_to(viewer).filter(
        named("user_id", Kind.USER, student_id), is_expected=True
    )
    return Q(id__in=Subquery(rows.values("session_id")))
