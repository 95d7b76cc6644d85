"""An academy and its settings."""

from datetime import datetime, time, timedelta
from typing import Any, Self

from tortoise import fields
from tortoise.models import Model
from tortoise.queryset import QuerySet

from domain.access import Permit, Viewer
from domain.attendance.fold import Policy
from domain.errors import ForbiddenError, NotFoundError
from domain.window import Gate, Weekday
from models.database.fields import ShortText, UtcDatetime
from zones import zone_of


class Academy(Model):
    id = fields.IntField(primary_key=True)
    slug = ShortText(max_length=63, unique=True)
    name = ShortText(max_length=200)
    timezone = ShortText(max_length=63)
    locale = ShortText(max_length=35, default="ar")
    is_active = fields.BooleanField(default=True)
    meeting_link_template = ShortText(max_length=500, null=True)
    created_at: datetime = UtcDatetime()

    video_settings: fields.BackwardOneToOneRelation["VideoSettings"]
    attendance_policy: fields.BackwardOneToOneRelation["AttendancePolicy"]

    class Meta:
        table = "academies"

    @classmethod
    def visible_to(cls, viewer: Viewer) -> QuerySet[Self]:
        if viewer.is_super_admin:
            return cls.all()
        return cls.filter(id=viewer.academy_id)

    def link_template_for(self, viewer: Viewer) -> str | None:
        """Return the template to a viewer who may change it, None to others."""
        return self.meeting_link_template if viewer.may(Permit.CONFIGURE) else None

    @classmethod
    async def fetch_for(cls, viewer: Viewer, academy_id: int, permit: Permit) -> Self:
        """Return the academy; raise NOT_FOUND if the viewer does not see it, FORBIDDEN without the
        permit."""
        academy = await cls.visible_to(viewer).get_or_none(id=academy_id)
        if academy is None:
            raise NotFoundError("No such academy.")
        if not viewer.may(permit):
            raise ForbiddenError("Your role does not allow this.")
        return academy


class VideoSettings(Model):
    """An academy's settings for its meetings: when they open and close, and their options."""

    academy: fields.OneToOneRelation[Academy] = fields.OneToOneField(
        "models.Academy", related_name="video_settings", primary_key=True
    )
    academy_id: int
    auto_create_meetings = fields.BooleanField(default=True)
    auto_end_meetings = fields.BooleanField(default=True)
    ready_minutes_before = fields.IntField(default=10)
    meeting_creation_minutes_before = fields.IntField(default=15)
    # "HH:MM" in the academy's time zone; both are set or neither.
    meeting_creation_time_start = ShortText(max_length=5, null=True)
    meeting_creation_time_end = ShortText(max_length=5, null=True)
    meeting_creation_blocked_days: list[str] | None = fields.JSONField(null=True)
    completion_buffer_minutes = fields.IntField(default=5)
    max_overtime_minutes = fields.IntField(default=0)
    default_max_participants = fields.IntField(default=50)
    max_duration_minutes = fields.IntField(default=120)
    empty_timeout_seconds = fields.IntField(default=300)
    record_by_default = fields.BooleanField(default=False)
    token_ttl_minutes = fields.IntField(default=180)
    teachers_join_any_session = fields.BooleanField(default=False)
    teachers_schedule_sessions = fields.BooleanField(default=True)
    refuse_conflicts = fields.BooleanField(default=False)

    class Meta:
        table = "video_settings"

    def gate(self, academy: Academy) -> Gate:
        """Return the rule that says when meetings may be made automatically."""
        return Gate(
            zone=zone_of(academy.timezone),
            is_academy_active=academy.is_active,
            creates=self.auto_create_meetings,
            starts=_time(self.meeting_creation_time_start),
            ends=_time(self.meeting_creation_time_end),
            blocked=frozenset(map(Weekday, self.meeting_creation_blocked_days or ())),
        )

    def link_at(self, scheduled_at: datetime) -> datetime:
        """Return when the meeting of a session is made ahead of this start."""
        return scheduled_at - timedelta(minutes=self.meeting_creation_minutes_before)

    def options(self) -> dict[str, Any]:
        """Return the options of a meeting that neither its maker nor its teacher sets."""
        return {
            "max_participants": self.default_max_participants,
            "recording_enabled": self.record_by_default,
            "empty_timeout_seconds": self.empty_timeout_seconds,
        }


def open_to_teachers() -> QuerySet[VideoSettings]:
    """Select the settings of academies in which a teacher may join any session."""
    return VideoSettings.filter(teachers_join_any_session=True)


def _time(text: str | None) -> time | None:
    return time.fromisoformat(text) if text else None


POLICY = Policy()  # the defaults of every setting below


class AttendancePolicy(Model):
    """An academy's rule for when a student is present, late, partially present or absent."""

    academy: fields.OneToOneRelation[Academy] = fields.OneToOneField(
        "models.Academy", related_name="attendance_policy", primary_key=True
    )
    academy_id: int
    present_from_percent = fields.IntField(default=POLICY.present_from_percent)
    partial_from_percent = fields.IntField(default=POLICY.partial_from_percent)
    late_after_minutes = fields.IntField(default=POLICY.late_after_minutes)
    late_before_partial = fields.BooleanField(default=POLICY.late_before_partial)
    minimum_held_minutes = fields.IntField(default=POLICY.minimum_held_minutes)
    merge_gap_seconds = fields.IntField(default=POLICY.merge_gap_seconds)
    stale_after_minutes = fields.IntField(default=POLICY.stale_after_minutes)

    class Meta:
        table = "attendance_policies"

    def stamp(self) -> dict[str, Any]:
        """Return the copy that a session keeps, so that a later change does not alter the past."""
        return {
            "present_from_percent": self.present_from_percent,
            "partial_from_percent": self.partial_from_percent,
            "late_after_minutes": self.late_after_minutes,
            "late_before_partial": self.late_before_partial,
            "minimum_held_minutes": self.minimum_held_minutes,
            "merge_gap_seconds": self.merge_gap_seconds,
            "stale_after_minutes": self.stale_after_minutes,
        }
