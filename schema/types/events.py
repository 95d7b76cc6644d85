"""Events of a session, as types of one interface."""

from datetime import datetime
from typing import Any

import strawberry

import models
from domain.cursors import stream_cursor
from domain.event import SessionEventKind
from domain.status import SessionStatus, TransitionCause
from schema.types.attendance import Attendance
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


@strawberry.type
class _ActorEvent(SessionEvent):
    """Adds the person who caused the event, if one did."""

    row: strawberry.Private[models.SessionEvent]

    @strawberry.field
    async def actor(self, info: Info) -> User | None:
        if self.row.actor_id is None:
            return None
        return User.of(await info.context.loaders.users.load(self.row.actor_id))


@strawberry.type
class SessionScheduled(_ActorEvent):
    pass


@strawberry.type
class SessionUpdated(_ActorEvent):
    pass


@strawberry.type
class StatusChanged(_ActorEvent):
    from_: SessionStatus = strawberry.field(name="from")
    to: SessionStatus
    cause: TransitionCause
    reason: str | None


@strawberry.type
class SessionRescheduled(_ActorEvent):
    scheduled_at: datetime
    duration_minutes: int


@strawberry.type
class KeptOpenChanged(_ActorEvent):
    kept_open: KeptOpen | None


@strawberry.type
class MeetingCreated(SessionEvent):
    meeting: Meeting


@strawberry.type
class MeetingRefused(SessionEvent):
    refusal: MeetingRefusal


@strawberry.type
class MeetingEnded(_ActorEvent):
    pass


@strawberry.type
class TeacherMissing(SessionEvent):
    teacher_id: strawberry.Private[int]

    @strawberry.field
    async def teacher(self, info: Info) -> User:
        return User.of(await info.context.loaders.users.load(self.teacher_id))


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
    TeacherMissing,
    PresenceChanged,
    PresenceRemoved,
)

# The events that store nothing but their actor.
_PLAIN_TYPES: dict[SessionEventKind, type[_ActorEvent]] = {
    SessionEventKind.SCHEDULED: SessionScheduled,
    SessionEventKind.UPDATED: SessionUpdated,
    SessionEventKind.MEETING_ENDED: MeetingEnded,
}


def event_of(
    row: models.SessionEvent,
    session: models.Session,
    now: datetime,
    shared: Shared | None = None,
    person: models.User | None = None,
) -> SessionEvent:
    """Return an event as the type of its kind; `session` is the row as it is now.

    `person` is whom an event of presence is about, if they are known.
    """
    stored = row.payload
    common: dict[str, Any] = {
        "sequence": row.sequence,
        "occurred_at": row.occurred_at,
        "cursor": stream_cursor(row.session_id, row.sequence, row.mark),
        "shared": shared,
    }
    acted = common | {"row": row}
    match row.kind:
        case SessionEventKind.STATUS_CHANGED:
            before, after = SessionStatus(stored["from"]), SessionStatus(stored["to"])
            cause, reason = TransitionCause(stored["cause"]), stored["reason"]
            return StatusChanged(**acted, from_=before, to=after, cause=cause, reason=reason)
        case SessionEventKind.RESCHEDULED:
            start = datetime.fromisoformat(stored["scheduled_at"])
            minutes = stored["duration_minutes"]
            return SessionRescheduled(**acted, scheduled_at=start, duration_minutes=minutes)
        case SessionEventKind.KEPT_OPEN_CHANGED:
            kept_open = KeptOpen.from_dict(stored["kept_open"])
            return KeptOpenChanged(**acted, kept_open=kept_open)
        case SessionEventKind.MEETING_CREATED:
            meeting = Meeting.of(session)
            assert meeting is not None, "a session whose meeting was made has one"  # noqa: S101
            return MeetingCreated(**common, meeting=meeting)
        case SessionEventKind.MEETING_REFUSED:
            refusal = MeetingRefusal.from_dict(stored)
            assert refusal is not None, "what was refused is in the row"  # noqa: S101
            return MeetingRefused(**common, refusal=refusal)
        case SessionEventKind.TEACHER_MISSING:
            return TeacherMissing(**common, teacher_id=stored["teacher_id"])
        case SessionEventKind.PRESENCE_CHANGED:
            attendance = Attendance.of(row.state, session, now, person)
            return PresenceChanged(**common, attendance=attendance)
        case SessionEventKind.PRESENCE_REMOVED:
            removed = encode(Kind.ATTENDANCE, stored["participant_id"])
            return PresenceRemoved(**common, attendance_id=removed)
        case kind:
            return _PLAIN_TYPES[kind](**acted)


def snapshot_of(session: models.Session, now: datetime, shared: Shared) -> SessionSnapshot:
    return SessionSnapshot(
        sequence=session.version,
        occurred_at=session.updated_at,
        cursor=stream_cursor(session.id, session.version, session.version_mark),
        as_of=now,
        session=session_of(session),
        shared=shared,
    )
