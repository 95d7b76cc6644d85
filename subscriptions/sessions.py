"""The streams of one session: its roster for those who manage it, its events for all who see it."""

from collections.abc import AsyncGenerator
from datetime import datetime
from functools import partial

import strawberry

import clock
from domain.access import Audience, Scope
from domain.attendance.state import AttendanceState, statistics, to_ms
from domain.cursors import stream_cursor
from schema.types.attendance import Attendance, AttendanceStatistics
from schema.types.events import SessionEvent, event_of, snapshot_of
from schema.types.given import given
from schema.types.ids import Kind, require_number
from schema.types.presence import PresenceChanges, PresenceEvent, PresenceSnapshot, latest_states
from schema.types.session_kinds import session_of
from schema.types.shared import Shared
from subscriptions.hub import Entry, Hub
from subscriptions.session_access import SessionAccess
from subscriptions.stream_services import Info
from subscriptions.watch import watching


async def session_presence(
    info: Info, session_id: strawberry.ID, after: str | None = strawberry.UNSET
) -> AsyncGenerator[PresenceEvent, None]:
    """Yield the roster, or what changed since `after`; then changes, until the final result."""
    info.context.require_viewer()
    number = require_number(Kind.SESSION, session_id)
    async with watching(info, number, SessionAccess(number, is_to_roster=True)) as watch:
        hub = watch.hub
        position = hub.place_of(given(after))
        while True:
            await watch.right.confirm()
            if position is None or position < hub.floor:
                position = (await watch.refreshed()).version
                now = clock.now()
                # All who arrive in the same second get the same roster.
                second = now.replace(microsecond=0)
                key: tuple[object, ...] = ("roster", hub.version, hub.edition, second)
                yield hub.build_once(key, partial(_presence_snapshot, hub, now))
                continue  # the ring may have moved on while it was sent
            entries, is_over = hub.after(position), hub.is_presence_over
            position = hub.version
            news = [entry for entry in entries if entry.row.kind.is_presence]
            if news:
                key = ("changes", news[0].row.sequence, news[-1].row.sequence)
                yield hub.build_once(key, partial(_presence_changes, hub, news))
            elif is_over:
                return
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
        position = hub.place_of(given(after))
        while True:
            await watch.right.confirm()
            if position is None or position < hub.floor:
                position = (await watch.refreshed()).version
                now = clock.now()
                key = ("session", hub.version, hub.edition, audience, now.replace(microsecond=0))
                shared = _shared(hub, audience)
                yield hub.build_once(key, partial(snapshot_of, hub.session, now, shared))
                continue
            entries, position = hub.after(position), hub.version
            for entry in entries:
                row = entry.row
                if audience is Audience.STAFF or not row.kind.is_presence:
                    now, shared = clock.now(), _shared(hub, audience)
                    build = partial(event_of, row, hub.session, now, shared)
                    yield hub.build_once(("event", row.sequence, audience), build)
                    await watch.right.confirm()
            await hub.wait_for_change(position, watch.right.lost)


def _presence_snapshot(hub: Hub, now: datetime) -> PresenceSnapshot:
    states = sorted(hub.roster.values(), key=lambda state: state.participant_id)
    return PresenceSnapshot(
        cursor=stream_cursor(hub.session.id, hub.version),
        version=hub.version,
        as_of=now,
        session=session_of(hub.session),
        attendances=[_attendance(hub, state, now) for state in states],
        statistics=_statistics(hub, now),
        shared=_shared(hub, Audience.STAFF),
    )


def _presence_changes(hub: Hub, news: list[Entry]) -> PresenceChanges:
    """Build the latest state of each row that these events changed."""
    now = clock.now()
    states, removed = latest_states(entry.row for entry in news)
    version = news[-1].row.sequence
    return PresenceChanges(
        cursor=stream_cursor(hub.session.id, version),
        version=version,
        as_of=now,
        from_version=news[0].roster_before,
        changes=[_attendance(hub, state, now) for state in states],
        removed_ids=removed,
        statistics=_statistics(hub, now),
        shared=_shared(hub, Audience.STAFF),
    )


def _shared(hub: Hub, audience: Audience) -> Shared:
    return Shared(Scope(f"session:{hub.session.id}", audience))


def _attendance(hub: Hub, state: AttendanceState, now: datetime) -> Attendance:
    return Attendance.of(state, hub.window, to_ms(now), hub.people.get(state.user_id))


def _statistics(hub: Hub, now: datetime) -> AttendanceStatistics:
    return AttendanceStatistics.of(statistics(hub.roster.values(), hub.window, to_ms(now)))
