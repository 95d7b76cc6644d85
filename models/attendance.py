"""Attendance: the log of lines that it is computed from, and the cache of the results.

Times are milliseconds since the epoch, as LiveKit gives them, so that a fold rounds nothing.
"""

from collections.abc import Iterable
from typing import Any, Self

from tortoise import fields
from tortoise.expressions import Q, RawSQL
from tortoise.models import Model
from tortoise.queryset import QuerySet

from domain.attendance.fold import (
    AttendanceStatus,
    Confidence,
    EventKind,
    EventSource,
    Presence,
)
from models.database.fields import ShortText
from models.participant import SessionParticipant
from models.session import Session
from models.user import User

# A condition in plain words: no database uses a partial index for one that comes as a parameter.
TO_REVIEW = RawSQL("(SELECT participant_id FROM meeting_attendances WHERE needs_review)")


class MeetingAttendanceEvent(Model):
    """One line of the log. A line is never updated; the unique `source_id` lets it in only once."""

    id = fields.BigIntField(primary_key=True)
    session: fields.ForeignKeyRelation[Session] = fields.ForeignKeyField(
        "models.Session", related_name="attendance_events", on_delete=fields.RESTRICT, db_index=True
    )
    session_id: int
    user: fields.ForeignKeyNullableRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="attendance_events", null=True, on_delete=fields.RESTRICT
    )
    user_id: int | None  # None: a line about the room, which counts for everybody
    source_id = ShortText(max_length=200, unique=True)
    kind = fields.CharEnumField(EventKind, max_length=30)
    source = fields.CharEnumField(EventSource, max_length=20)
    occurred_ms = fields.BigIntField()
    received_ms = fields.BigIntField(db_index=True)
    room_sid = ShortText(max_length=64, null=True)
    room_created_ms = fields.BigIntField(null=True)
    participant_sid = ShortText(max_length=64, null=True)
    joined_ms = fields.BigIntField(null=True)
    identity = fields.TextField(null=True)
    is_disconnected = fields.BooleanField(default=False)
    disconnect_reason = ShortText(max_length=40, null=True)
    alive_ms = fields.BigIntField(null=True)
    # Of an override: the status, the note, and the person who sets it.
    override_status = fields.CharEnumField(AttendanceStatus, max_length=20, null=True)
    note = fields.TextField(null=True)
    actor: fields.ForeignKeyNullableRelation[User] = fields.ForeignKeyField(
        "models.User", related_name="attendance_acts", null=True, on_delete=fields.RESTRICT
    )
    actor_id: int | None

    class Meta:
        table = "meeting_attendance_events"


class MeetingAttendance(Model):
    """The last result of the fold: each field of `Result` has a column of its name.

    A row can be deleted and computed again from the log, byte for byte.
    """

    participant: fields.OneToOneRelation[SessionParticipant] = fields.OneToOneField(
        "models.SessionParticipant",
        related_name="attendance",
        primary_key=True,
        on_delete=fields.CASCADE,
    )
    participant_id: int
    session: fields.ForeignKeyRelation[Session] = fields.ForeignKeyField(
        "models.Session", related_name="attendances", on_delete=fields.CASCADE, db_index=True
    )
    session_id: int
    presence = fields.CharEnumField(Presence, max_length=20)
    cycles: list[dict[str, Any]] = fields.JSONField()
    first_joined_ms = fields.BigIntField(null=True)
    last_left_ms = fields.BigIntField(null=True)
    arrived_ms = fields.BigIntField(null=True)
    closed_ms = fields.BigIntField()
    joined_since_ms = fields.BigIntField(null=True)
    join_count = fields.IntField()
    leave_count = fields.IntField()
    confidence = fields.CharEnumField(Confidence, max_length=20)
    status = fields.CharEnumField(AttendanceStatus, max_length=20, null=True)
    bounds: dict[str, Any] | None = fields.JSONField(null=True)
    needs_review = fields.BooleanField(default=False)
    override: dict[str, Any] | None = fields.JSONField(null=True)
    open_sids: list[str] | None = fields.JSONField(
        null=True
    )  # the stays that the reconciler checks
    calculated_ms = fields.BigIntField(null=True)

    class Meta:
        table = "meeting_attendances"

    @classmethod
    def unsettled(cls, session_ids: Iterable[int]) -> QuerySet[Self]:
        """Select people who are inside, or whose result rests on their own page's report alone."""
        is_in = Q(presence=Presence.IN_MEETING) | Q(confidence=Confidence.REPORTED)
        return cls.filter(is_in, session_id__in=list(session_ids))
