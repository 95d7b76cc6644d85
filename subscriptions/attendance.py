"""One row of a roster as a stream: a change of it wakes those who watch it, and nobody else."""

from collections.abc import AsyncGenerator
from datetime import datetime
from functools import partial

import strawberry

import clock
from domain.access import Audience, Scope
from domain.attendance.state import AttendanceState
from domain.cursors import stream_cursor
from domain.errors import ForbiddenError
from schema.types.attendance import Attendance
from schema.types.given import given
from schema.types.ids import Kind, require_number
from schema.types.presence import AttendanceUpdate
from schema.types.shared import Shared
from subscriptions.hub import Hub
from subscriptions.session_access import SessionAccess
from subscriptions.stream_services import Info
from subscriptions.watch import watching


async def attendance(
    info: Info,
    session_id: strawberry.ID,
    user_id: strawberry.ID,
    after: str | None = strawberry.UNSET,
) -> AsyncGenerator[AttendanceUpdate, None]:
    """Yield the row now, unless it is as it was at `after`; then each change of it.

    It goes on after the final result, which a late event may change. When the row is gone it ends
    for staff, and is FORBIDDEN for others.
    """
    info.context.require_viewer()
    number, person = require_number(Kind.SESSION, session_id), require_number(Kind.USER, user_id)
    async with watching(info, number, SessionAccess(number, row_of=person)) as watch:
        hub = watch.hub
        if hub.row_of(person) is None:
            await hub.catch_up()  # the row is newer than the last version the hub heard of
        position = hub.place_of(given(after))
        if position is None:
            await watch.refreshed()
        while True:
            await watch.right.confirm()
            if position is not None and position >= hub.changed_at[person]:
                await hub.wait_for_change(position, watch.right.lost, person)
                continue
            position, state = hub.version, hub.row_of(person)
            if state is not None:
                now = clock.now()
                key = ("row", person, hub.version, hub.edition, now.replace(microsecond=0))
                yield hub.build_once(key, partial(_update, hub, state, now))
            elif watch.audience is Audience.STAFF:
                return
            else:
                raise ForbiddenError("The row is gone from the roster.")


def _update(hub: Hub, state: AttendanceState, now: datetime) -> AttendanceUpdate:
    # All who may watch this row are told the same of it.
    scope = Scope(f"attendance:{state.participant_id}", Audience.PARTICIPANT)
    person = hub.people.get(state.user_id)
    return AttendanceUpdate(
        cursor=stream_cursor(hub.session.id, hub.version, hub.session.version_mark),
        version=hub.version,
        as_of=now,
        attendance=Attendance.of(state, hub.session, now, person),
        shared=Shared(scope),
    )
