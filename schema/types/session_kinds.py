"""The types of the kinds of sessions."""

from typing import Any

import strawberry

import models
from domain.cursors import stream_cursor
from domain.limits import seconds_in
from domain.session import SessionKind
from models.reading.attendance_log import held_ms
from schema.types.ids import Kind, encode
from schema.types.meeting import Meeting, MeetingRefusal
from schema.types.session import Session
from schema.types.session_parts import KeptOpen, ScheduledTransition
from schema.types.settings import AttendancePolicy


@strawberry.type
class QuranSession(Session):
    pass


@strawberry.type
class AcademicSession(Session):
    subject: str | None


@strawberry.type
class InteractiveCourseSession(Session):
    session_number: int | None


_PLAIN_FIELDS = (
    "external_id",
    "kind",
    "format",
    "title",
    "notes",
    "status",
    "scheduled_at",
    "duration_minutes",
    "ends_at",
    "started_at",
    "ended_at",
    "cancellation_reason",
    "version",
    "created_at",
    "updated_at",
)


def session_of(row: models.Session) -> Session:
    """Return the row as the type of its kind."""
    held = held_ms(row)
    following = row.next_transition
    fields: dict[str, Any] = {name: getattr(row, name) for name in _PLAIN_FIELDS}
    fields |= {
        "row": row,
        "id": encode(Kind.SESSION, row.id),
        "database_id": row.id,
        "next_transition": ScheduledTransition(to=following[0], at=following[1])
        if following
        else None,
        "held_seconds": None if held is None else seconds_in(held),
        "kept_open": KeptOpen.of(row),
        "meeting": Meeting.of(row),
        "meeting_refusal": MeetingRefusal.from_dict(row.meeting_refusal),
        "attendance_policy": AttendancePolicy.from_dict(row.attendance_policy),
        "cursor": stream_cursor(row.id, row.version, row.version_mark),
    }
    match row.kind:
        case SessionKind.QURAN:
            return QuranSession(**fields)
        case SessionKind.ACADEMIC:
            return AcademicSession(**fields, subject=row.subject)
        case SessionKind.INTERACTIVE_COURSE:
            return InteractiveCourseSession(**fields, session_number=row.session_number)
