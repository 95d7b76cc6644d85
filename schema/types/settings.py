"""Settings of an academy, for its rooms and attendance, and of a teacher, for their own rooms."""

from dataclasses import asdict
from typing import Any, Self

import strawberry
from strawberry import UNSET

import models
from domain.attendance.fold import Policy
from domain.meeting import MediaQuality
from domain.window import Weekday


@strawberry.type
class VideoSettings:
    auto_create_meetings: bool
    auto_end_meetings: bool
    ready_minutes_before: int
    meeting_creation_minutes_before: int
    meeting_creation_time_start: str | None
    meeting_creation_time_end: str | None
    meeting_creation_blocked_days: list[Weekday]
    completion_buffer_minutes: int
    max_overtime_minutes: int
    default_max_participants: int
    max_duration_minutes: int
    empty_timeout_seconds: int
    record_by_default: bool
    token_ttl_minutes: int
    teachers_join_any_session: bool
    teachers_schedule_sessions: bool
    refuse_conflicts: bool

    @classmethod
    def of(cls, row: models.VideoSettings) -> Self:
        values = {name: getattr(row, name) for name in cls.__annotations__}
        days = row.meeting_creation_blocked_days or ()
        return cls(**values | {"meeting_creation_blocked_days": [Weekday(day) for day in days]})


@strawberry.input
class VideoSettingsInput:
    auto_create_meetings: bool | None = UNSET
    auto_end_meetings: bool | None = UNSET
    ready_minutes_before: int | None = UNSET
    meeting_creation_minutes_before: int | None = UNSET
    meeting_creation_time_start: str | None = UNSET
    meeting_creation_time_end: str | None = UNSET
    meeting_creation_blocked_days: list[Weekday] | None = UNSET
    completion_buffer_minutes: int | None = UNSET
    max_overtime_minutes: int | None = UNSET
    default_max_participants: int | None = UNSET
    max_duration_minutes: int | None = UNSET
    empty_timeout_seconds: int | None = UNSET
    record_by_default: bool | None = UNSET
    token_ttl_minutes: int | None = UNSET
    teachers_join_any_session: bool | None = UNSET
    teachers_schedule_sessions: bool | None = UNSET
    refuse_conflicts: bool | None = UNSET


@strawberry.type
class AttendancePolicy:
    present_from_percent: int
    partial_from_percent: int
    late_after_minutes: int
    late_before_partial: bool
    minimum_held_minutes: int
    merge_gap_seconds: int
    stale_after_minutes: int

    @classmethod
    def of(cls, row: models.AttendancePolicy) -> Self:
        return cls.from_dict(row.stamp())

    @classmethod
    def from_dict(cls, stamped: dict[str, Any]) -> Self:
        """Read a session's copy; a rule that is newer than the session has its default."""
        return cls(**asdict(Policy(**stamped)))


@strawberry.input
class AttendancePolicyInput:
    present_from_percent: int | None = UNSET
    partial_from_percent: int | None = UNSET
    late_after_minutes: int | None = UNSET
    late_before_partial: bool | None = UNSET
    minimum_held_minutes: int | None = UNSET
    merge_gap_seconds: int | None = UNSET
    stale_after_minutes: int | None = UNSET


@strawberry.type
class TeacherMeetingSettings:
    max_participants: int | None
    recording_enabled: bool | None
    video_quality: MediaQuality | None
    audio_quality: MediaQuality | None
    screen_sharing_enabled: bool | None
    chat_enabled: bool | None
    mute_on_join: bool | None
    theme: str | None

    @classmethod
    def of(cls, row: models.TeacherMeetingSettings) -> Self:
        return cls(**row.options())


@strawberry.input
class TeacherMeetingSettingsInput:
    max_participants: int | None = UNSET
    recording_enabled: bool | None = UNSET
    video_quality: MediaQuality | None = UNSET
    audio_quality: MediaQuality | None = UNSET
    screen_sharing_enabled: bool | None = UNSET
    chat_enabled: bool | None = UNSET
    mute_on_join: bool | None = UNSET
    theme: str | None = UNSET
