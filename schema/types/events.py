"""What happened to a session, as types of one interface."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import strawberry

import models
from domain.attendance.state import AttendanceState
from domain.cursors import stream_cursor
from domain.event import SessionEventKind
from domain.status import SessionStatus, TransitionCause
from schema.types.attendance import Attendance, attendance_of
from schema.types.context import Info
from schema.types.ids import Kind, encode
from schema.types.meeting import Meeting, MeetingRefusal
from schema.types.session import Session
from schema.types.session_kinds import session_of
from schema.types.session_parts import KeptOpen
from schema.types.shared import Shared
from schema.types.user import User


@strawberry.interface
class SessionEvent:
    sequence: int
    occurred_at: datetime
    cursor: str
    shared: strawberry.Private[Shared | None] = None


@strawberry.type
class SessionSnapshot(SessionEvent):
    as_of: datetime
    session: Session


async def _actor(row: models.SessionEvent, info: Info) -> User | None:
    if row.actor_id is None:
        return None
    return User.of(await info.context.loaders.users.load(row.actor_id))


@strawberry.type
class SessionScheduled(SessionEvent):
    row: strawberry.Private[models.SessionEvent]

    @strawberry.field
    async def actor(self, info: Info) -> User | None:
        return await _actor(self.row, info)


@strawberry.type
class SessionUpdated(SessionEvent):
    row: strawberry.Private[models.SessionEvent]

    @strawberry.field
    async def actor(self, info: Info) -> User | None:
        return await _actor(self.row, info)


@strawberry.type
class StatusChanged(SessionEvent):
    row: strawberry.Private[models.SessionEvent]
    from_: SessionStatus = strawberry.field(name="from")
    to: SessionStatus
    cause: TransitionCause
    reason: str | None

    @strawberry.field
    async def actor(self, info: Info) -> User | None:
        return await _actor(self.row, info)


@strawberry.type
class SessionRescheduled(SessionEvent):
    row: strawberry.Private[models.SessionEvent]
    scheduled_at: datetime
    duration_minutes: int

    @strawberry.field
    async def actor(self, info: Info) -> User | None:
        return await _actor(self.row, info)


@strawberry.type
class KeptOpenChanged(SessionEvent):
    row: strawberry.Private[models.SessionEvent]
    kept_open: KeptOpen | None

    @strawberry.field
    async def actor(self, info: Info) -> User | None:
        return await _actor(self.row, info)


@strawberry.type
class MeetingCreated(SessionEvent):
    meeting: Meeting


@strawberry.type
class MeetingRefused(SessionEvent):
    refusal: MeetingRefusal


@strawberry.type
class MeetingEnded(SessionEvent):
    row: strawberry.Private[models.SessionEvent]

    @strawberry.field
    async def actor(self, info: Info) -> User | None:
        return await _actor(self.row, info)


@strawberry.type
class PresenceChanged(SessionEvent):
    attendance: Attendance


@strawberry.type
class PresenceRemoved(SessionEvent):
    attendance_id: strawberry.ID


EVENT_TYPES: tuple[type[SessionEvent], ...] = (
    SessionScheduled,
    SessionUpdated,
    StatusChanged,
    SessionRescheduled,
    KeptOpenChanged,
    MeetingCreated,
    MeetingRefused,
    MeetingEnded,
    PresenceChanged,
    PresenceRemoved,
)


def event_of(
    row: models.SessionEvent, session: models.Session, now: datetime, shared: Shared | None = None
) -> SessionEvent:
    """A row of the stream as the type of its kind; `session` is the row as it is now."""
    common: dict[str, Any] = {
        "sequence": row.sequence,
        "occurred_at": row.occurred_at,
        "cursor": stream_cursor(row.session_id, row.sequence),
        "shared": shared,
    }
    return _SHAPES[row.kind](common, row, session, now)


def snapshot_of(session: models.Session, now: datetime, shared: Shared) -> SessionSnapshot:
    return SessionSnapshot(
        sequence=session.version,
        occurred_at=session.updated_at,
        cursor=stream_cursor(session.id, session.version),
        as_of=now,
        session=session_of(session),
        shared=shared,
    )


Shape = Callable[[dict[str, Any], models.SessionEvent, models.Session, datetime], SessionEvent]


def _acted(kind: Callable[..., SessionEvent]) -> Shape:
    return lambda common, row, session, now: kind(**common, row=row)


def _status_changed(
    common: dict[str, Any], row: models.SessionEvent, session: models.Session, now: datetime
) -> SessionEvent:
    told = row.payload
    return StatusChanged(
        **common,
        row=row,
        from_=SessionStatus(told["from"]),
        to=SessionStatus(told["to"]),
        cause=TransitionCause(told["cause"]),
        reason=told["reason"],
    )


def _rescheduled(
    common: dict[str, Any], row: models.SessionEvent, session: models.Session, now: datetime
) -> SessionEvent:
    return SessionRescheduled(
        **common,
        row=row,
        scheduled_at=datetime.fromisoformat(row.payload["scheduled_at"]),
        duration_minutes=row.payload["duration_minutes"],
    )


def _kept_open_changed(
    common: dict[str, Any], row: models.SessionEvent, session: models.Session, now: datetime
) -> SessionEvent:
    return KeptOpenChanged(**common, row=row, kept_open=KeptOpen.told(row.payload["kept_open"]))


def _meeting_created(
    common: dict[str, Any], row: models.SessionEvent, session: models.Session, now: datetime
) -> SessionEvent:
    meeting = Meeting.of(session)
    assert meeting is not None, "a session whose meeting was made has one"  # noqa: S101
    return MeetingCreated(**common, meeting=meeting)


def _meeting_refused(
    common: dict[str, Any], row: models.SessionEvent, session: models.Session, now: datetime
) -> SessionEvent:
    refusal = MeetingRefusal.told(row.payload)
    assert refusal is not None, "what was refused is in the row"  # noqa: S101
    return MeetingRefused(**common, refusal=refusal)


def _presence_changed(
    common: dict[str, Any], row: models.SessionEvent, session: models.Session, now: datetime
) -> SessionEvent:
    state = AttendanceState.from_dict(row.payload)
    return PresenceChanged(**common, attendance=attendance_of(state, session, now))


def _presence_removed(
    common: dict[str, Any], row: models.SessionEvent, session: models.Session, now: datetime
) -> SessionEvent:
    gone = encode(Kind.ATTENDANCE, row.payload["participant_id"])
    return PresenceRemoved(**common, attendance_id=gone)


_SHAPES: dict[SessionEventKind, Shape] = {
    SessionEventKind.SCHEDULED: _acted(SessionScheduled),
    SessionEventKind.UPDATED: _acted(SessionUpdated),
    SessionEventKind.STATUS_CHANGED: _status_changed,
    SessionEventKind.RESCHEDULED: _rescheduled,
    SessionEventKind.KEPT_OPEN_CHANGED: _kept_open_changed,
    SessionEventKind.MEETING_CREATED: _meeting_created,
    SessionEventKind.MEETING_REFUSED: _meeting_refused,
    SessionEventKind.MEETING_ENDED: _acted(MeetingEnded),
    SessionEventKind.PRESENCE_CHANGED: _presence_changed,
    SessionEventKind.PRESENCE_REMOVED: _presence_removed,
}
