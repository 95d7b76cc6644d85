"""The subscriptions of one session: its roster for those who manage it, its events, one row."""

from collections.abc import AsyncGenerator

import strawberry

from execution.events import renderer_of
from schema.types.events import SessionEvent
from schema.types.given import given
from schema.types.ids import Kind, require_number
from schema.types.presence import AttendanceUpdate, PresenceEvent
from subscriptions.session_access import SessionAccess
from subscriptions.stream_services import Info
from subscriptions.streams import EventStream, RosterStream, RowStream, follow


def session_presence(
    info: Info, session_id: strawberry.ID, after: str | None = strawberry.UNSET
) -> AsyncGenerator[PresenceEvent, None]:
    """Yield the roster, or what changed since `after`; then changes, until the final result."""
    info.context.require_viewer()
    access = SessionAccess(require_number(Kind.SESSION, session_id), is_to_roster=True)
    return follow(info.context, renderer_of(info), access, RosterStream, given(after))


def session_events(
    info: Info, session_id: strawberry.ID, after: str | None = strawberry.UNSET
) -> AsyncGenerator[SessionEvent, None]:
    """Yield the session now, or what happened since `after`; then each event the viewer may see."""
    info.context.require_viewer()
    access = SessionAccess(require_number(Kind.SESSION, session_id))
    return follow(info.context, renderer_of(info), access, EventStream, given(after))


def attendance(
    info: Info,
    session_id: strawberry.ID,
    user_id: strawberry.ID,
    after: str | None = strawberry.UNSET,
) -> AsyncGenerator[AttendanceUpdate, None]:
    """Yield the row now, unless it is as it was at `after`; then each change of it."""
    info.context.require_viewer()
    number, person = require_number(Kind.SESSION, session_id), require_number(Kind.USER, user_id)
    access = SessionAccess(number, row_of=person)
    return follow(info.context, renderer_of(info), access, RowStream, given(after))
