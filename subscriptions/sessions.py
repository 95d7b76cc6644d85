"""The streams of one session: its roster for those who manage it, its events for all who see it."""

from collections.abc import AsyncGenerator
from functools import partial

import strawberry

import clock
from domain.access import Audience, Scope
from domain.cursors import Place
from domain.event import PRESENCE_KINDS, STAFF_KINDS
from domain.status import SessionStatus
from schema.types.events import SessionEvent, event_of, snapshot_of
from schema.types.given import given
from schema.types.ids import Kind, require_number
from schema.types.presence import PresenceChanges, PresenceEvent, PresenceSnapshot
from schema.types.shared import Shared
from subscriptions.session_access import SessionAccess
from subscriptions.stream_services import Info
from subscriptions.watch import watching


async def session_presence(
    info: Info, session_id: strawberry.ID, after: str | None = strawberry.UNSET
) -> AsyncGenerator[PresenceEvent, None]:
    """Yield the roster, or what changed since `after`; then changes, until the final result."""
    info.context.require_viewer()
    number = require_number(Kind.SESSION, session_id)
    scope = Scope(f"session:{number}", Audience.STAFF)
    async with watching(info, number, SessionAccess(number, is_to_roster=True)) as watch:
        hub = watch.hub
        position = hub.place_of(given(after))
        while True:
            await watch.right.confirm()
            if position is None or position < hub.floor:
                position = (await watch.refreshed()).version
                now = clock.now()
                second = now.replace(microsecond=0)  # all who arrive in it get the same roster
                key: tuple[object, ...] = ("roster", hub.version, hub.edition, second)
                there = (hub.roster.values(), hub.session, now, hub.people, Shared(scope))
                yield hub.build_once(key, partial(PresenceSnapshot.of, *there))
                continue  # the ring may have moved on while it was sent
            news = [entry for entry in hub.after(position) if entry.row.kind in PRESENCE_KINDS]
            position = hub.version
            if news:
                rows, since = [entry.row for entry in news], news[0].roster_before
                key = ("changes", rows[0].sequence, rows[-1].sequence)
                there = (hub.roster.values(), hub.session, clock.now(), hub.people, Shared(scope))
                place = Place(rows[-1].sequence, rows[-1].mark)
                told = partial(PresenceChanges.of, rows, since, place, *there)
                yield hub.build_once(key, told)
            elif hub.session.finalised_at or hub.session.status is SessionStatus.CANCELLED:
                return  # the roster cannot change any more
            else:
                await hub.wait_for_change(position, watch.right.lost)


async def session_events(
    info: Info, session_id: strawberry.ID, after: str | None = strawberry.UNSET
) -> AsyncGenerator[SessionEvent, None]:
    """Yield the session now, or what happened since `after`; then each event the viewer may see."""
    info.context.require_viewer()
    number = require_number(Kind.SESSION, session_id)
    async with watching(info, number, SessionAccess(number)) as watch:
        hub, audience = watch.hub, watch.audience
        scope = Scope(f"session:{number}", audience)
        position = hub.place_of(given(after))
        while True:
            await watch.right.confirm()
            if position is None or position < hub.floor:
                position = (await watch.refreshed()).version
                now = clock.now()
                key = ("session", hub.version, hub.edition, audience, now.replace(microsecond=0))
                yield hub.build_once(key, partial(snapshot_of, hub.session, now, Shared(scope)))
                continue
            entries, position = hub.after(position), hub.version
            for entry in entries:
                row = entry.row
                if audience is Audience.STAFF or row.kind not in STAFF_KINDS:
                    build = partial(event_of, row, hub.session, clock.now(), Shared(scope))
                    yield hub.build_once(("event", row.sequence, audience), build)
                    await watch.right.confirm()
            await hub.wait_for_change(position, watch.right.lost)
