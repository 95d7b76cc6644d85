"""The streams of one session: its roster for those who manage it, its events for all who see it."""

from collections.abc import AsyncGenerator
from datetime import datetime

import strawberry

import clock
import models
from domain.access import Audience, Scope
from domain.attendance.state import AttendanceState, statistics, to_ms
from domain.cursors import stream_cursor
from schema.types.attendance import Attendance, AttendanceStatistics
from schema.types.events import SessionEvent, SessionSnapshot, event_of, snapshot_of
from schema.types.given import given
from schema.types.ids import Kind, require_number
from schema.types.presence import PresenceChanges, PresenceEvent, PresenceSnapshot, latest_states
from schema.types.session_kinds import session_of
from schema.types.shared import Shared
from subscriptions.admission import to_roster, to_session
from subscriptions.hub import Entry, Hub
from subscriptions.process import Info
from subscriptions.watch import watching


async def session_presence(
    info: Info, session_id: strawberry.ID, after: str | None = strawberry.UNSET
) -> AsyncGenerator[PresenceEvent, None]:
    """The roster now, or what changed since `after`; then changes, until the result is final."""
    info.context.require_viewer()
    number = require_number(Kind.SESSION, session_id)
    async with watching(info, number, to_roster(number)) as watch:
        hub = watch.hub
        position = hub.place_of(given(after))
        while True:
            await watch.right.confirm()
            if position is None or position < hub.floor:
                position = (await watch.refreshed()).version
                yield _presence_now(hub)
                continue  # the ring may have moved on while it was sent
            entries, is_over = hub.after(position), hub.is_presence_over
            position = hub.version
            told = [entry for entry in entries if entry.row.kind.is_presence]
            if told:
                yield _presence_since(hub, told)
            elif is_over:
                return
            else:
                await hub.changed(position, watch.right.lost)


async def session_events(
    info: Info, session_id: strawberry.ID, after: str | None = strawberry.UNSET
) -> AsyncGenerator[SessionEvent, None]:
    """The session now, or what happened since `after`; then each event the viewer may see."""
    info.context.require_viewer()
    number = require_number(Kind.SESSION, session_id)
    async with watching(info, number, to_session(number)) as watch:
        hub, audience = watch.hub, watch.audience
        position = hub.place_of(given(after))
        while True:
            await watch.right.confirm()
            if position is None or position < hub.floor:
                position = (await watch.refreshed()).version
                yield _session_now(hub, audience)
                continue
            entries, position = hub.after(position), hub.version
            for entry in entries:
                if audience is Audience.STAFF or not entry.row.kind.is_presence:
                    yield _event(hub, entry.row, audience)
                    await watch.right.confirm()
            await hub.changed(position, watch.right.lost)


def _shared(hub: Hub, audience: Audience) -> Shared:
    return Shared(Scope(f"session:{hub.session.id}", audience))


def _presence_now(hub: Hub) -> PresenceSnapshot:
    now = clock.now()
    # Everybody who arrives in the same second gets the same roster.
    key = ("roster", hub.version, hub.edition, now.replace(microsecond=0))
    return hub.once(key, lambda: _snapshot(hub, now))


def _snapshot(hub: Hub, now: datetime) -> PresenceSnapshot:
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


def _presence_since(hub: Hub, told: list[Entry]) -> PresenceChanges:
    key = ("changes", told[0].row.sequence, told[-1].row.sequence)
    return hub.once(key, lambda: _changes(hub, told, clock.now()))


def _changes(hub: Hub, told: list[Entry], now: datetime) -> PresenceChanges:
    states, removed = latest_states(entry.row for entry in told)
    version = told[-1].row.sequence
    return PresenceChanges(
        cursor=stream_cursor(hub.session.id, version),
        version=version,
        as_of=now,
        from_version=told[0].roster_before,
        changes=[_attendance(hub, state, now) for state in states],
        removed_ids=removed,
        statistics=_statistics(hub, now),
        shared=_shared(hub, Audience.STAFF),
    )


def _session_now(hub: Hub, audience: Audience) -> SessionSnapshot:
    now = clock.now()
    key = ("session", hub.version, hub.edition, audience, now.replace(microsecond=0))
    return hub.once(key, lambda: snapshot_of(hub.session, now, _shared(hub, audience)))


def _event(hub: Hub, row: models.SessionEvent, audience: Audience) -> SessionEvent:
    key = ("event", row.sequence, audience)
    shared = _shared(hub, audience)
    return hub.once(key, lambda: event_of(row, hub.session, clock.now(), shared))


def _attendance(hub: Hub, state: AttendanceState, now: datetime) -> Attendance:
    return Attendance.of(state, hub.window, to_ms(now), hub.people.get(state.user_id))


def _statistics(hub: Hub, now: datetime) -> AttendanceStatistics:
    return AttendanceStatistics.of(statistics(hub.roster.values(), hub.window, to_ms(now)))
