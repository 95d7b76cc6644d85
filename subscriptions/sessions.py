"""The streams of one session: its roster for those who manage it, its events for all who see it."""

from collections.abc import AsyncGenerator
from datetime import datetime
from typing import cast

import strawberry

import clock
import models
from actions.sweep import advance_among
from domain.access import Audience, Permit, Scope
from domain.cursors import stream_cursor
from domain.errors import NotFoundError
from domain.event import SessionEventKind
from domain.presence import AttendanceState, statistics, to_ms
from resolvers.context import Info
from schema.types.attendance import Attendance, AttendanceStatistics
from schema.types.events import SessionEvent, SessionSnapshot, event_of, snapshot_of
from schema.types.given import given
from schema.types.ids import Kind, encode, need
from schema.types.presence import PresenceChanges, PresenceEvent, PresenceSnapshot
from schema.types.session_kinds import session_of
from schema.types.shared import Shared
from subscriptions.hub import Entry, Hub
from subscriptions.hubs import Hubs


async def session_presence(
    info: Info, session_id: strawberry.ID, after: str | None = strawberry.UNSET
) -> AsyncGenerator[PresenceEvent, None]:
    """The roster now, or what changed since `after`; then changes, until the result is final."""
    session = await _fetch(info, session_id)
    if not session.is_managed_by(info.context.viewer):
        raise NotFoundError("No such session.")
    async with _hubs(info).watching(session.id) as hub:
        position = hub.place_of(given(after))
        while True:
            if position is None or position < hub.floor:
                position = hub.version
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
                await hub.changed(position)


async def session_events(
    info: Info, session_id: strawberry.ID, after: str | None = strawberry.UNSET
) -> AsyncGenerator[SessionEvent, None]:
    """The session now, or what happened since `after`; then each event the viewer may see."""
    session = await _fetch(info, session_id)
    manages = session.is_managed_by(info.context.viewer)
    audience = Audience.STAFF if manages else Audience.PARTICIPANT
    async with _hubs(info).watching(session.id) as hub:
        position = hub.place_of(given(after))
        while True:
            if position is None or position < hub.floor:
                position = hub.version
                yield _session_now(hub, audience)
                continue
            entries, position = hub.after(position), hub.version
            for entry in entries:
                if audience is Audience.STAFF or not entry.row.kind.is_presence:
                    yield _event(hub, entry.row, audience)
            await hub.changed(position)


def _hubs(info: Info) -> Hubs:
    return cast(Hubs, info.context.process.hubs)


async def _fetch(info: Info, session_id: str) -> models.Session:
    """The session, if the viewer sees it; one that is overdue is advanced before it is watched."""
    info.context.require_viewer()
    number = need(Kind.SESSION, session_id)
    session = await models.Session.fetch_for(info.context.viewer, number, Permit.SEE)
    if session.is_overdue(info.context.now):
        await advance_among([number], info.context.now)
    return session


def _shared(hub: Hub, audience: Audience) -> Shared:
    return Shared(Scope(f"session:{hub.session.id}", audience))


def _presence_now(hub: Hub) -> PresenceSnapshot:
    now = clock.now()
    # Everybody who arrives in the same second gets the same roster.
    key = ("roster", hub.version, now.replace(microsecond=0))
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
    """What a run of events left of the rows it changed: each row once, whole, as it is last."""
    last: dict[int, Entry] = {entry.row.payload["participant_id"]: entry for entry in told}
    changed = [e.row for e in last.values() if e.row.kind is SessionEventKind.PRESENCE_CHANGED]
    removed = [e.row for e in last.values() if e.row.kind is SessionEventKind.PRESENCE_REMOVED]
    version = told[-1].row.sequence
    return PresenceChanges(
        cursor=stream_cursor(hub.session.id, version),
        version=version,
        as_of=now,
        from_version=told[0].roster_before,
        changes=[_attendance(hub, AttendanceState.from_dict(row.payload), now) for row in changed],
        removed_ids=[encode(Kind.ATTENDANCE, row.payload["participant_id"]) for row in removed],
        statistics=_statistics(hub, now),
        shared=_shared(hub, Audience.STAFF),
    )


def _session_now(hub: Hub, audience: Audience) -> SessionSnapshot:
    now = clock.now()
    key = ("session", hub.version, audience, now.replace(microsecond=0))
    return hub.once(key, lambda: snapshot_of(hub.session, now, _shared(hub, audience)))


def _event(hub: Hub, row: models.SessionEvent, audience: Audience) -> SessionEvent:
    key = ("event", row.sequence, audience)
    shared = _shared(hub, audience)
    return hub.once(key, lambda: event_of(row, hub.session, clock.now(), shared))


def _attendance(hub: Hub, state: AttendanceState, now: datetime) -> Attendance:
    return Attendance.of(state, hub.window, to_ms(now), hub.people.get(state.user_id))


def _statistics(hub: Hub, now: datetime) -> AttendanceStatistics:
    return AttendanceStatistics.of(statistics(hub.roster.values(), hub.window, to_ms(now)))
