from typing import Self

import strawberry

import models
from domain.access import Permit
from schema.types.context import Info
from schema.types.ids import Kind, encode
from schema.types.node import Node


@strawberry.type
class VideoSettings:
    ready_minutes_before: int
    completion_buffer_minutes: int
    max_overtime_minutes: int
    default_max_participants: int
    max_duration_minutes: int
    empty_timeout_seconds: int
    token_ttl_minutes: int

    @classmethod
    def of(cls, row: models.VideoSettings) -> Self:
        return cls(**{name: getattr(row, name) for name in cls.__annotations__})


@strawberry.type
class AttendancePolicy:
    present_from_percent: int
    partial_from_percent: int
    late_after_minutes: int
    merge_gap_seconds: int
    stale_after_minutes: int = 30

    @classmethod
    def of(cls, row: models.AttendancePolicy) -> Self:
        return cls(**row.stamp())


@strawberry.type
class Academy(Node):
    row: strawberry.Private[models.Academy]
    database_id: int
    slug: str
    name: str
    timezone: str
    locale: str
    is_active: bool

    @classmethod
    def of(cls, row: models.Academy) -> Self:
        return cls(
            row=row,
            id=encode(Kind.ACADEMY, row.id),
            database_id=row.id,
            slug=row.slug,
            name=row.name,
            timezone=row.timezone,
            locale=row.locale,
            is_active=row.is_active,
        )

    @strawberry.field
    def meeting_link_template(self, info: Info) -> str | None:
        return self.row.meeting_link_template if info.context.viewer.may(Permit.CONFIGURE) else None

    @strawberry.field
    async def video_settings(self, info: Info) -> VideoSettings:
        return VideoSettings.of(await info.context.loaders.video_settings.load(self.database_id))

    @strawberry.field
    async def attendance_policy(self, info: Info) -> AttendancePolicy:
        loaders = info.context.loaders
        return AttendancePolicy.of(await loaders.attendance_policies.load(self.database_id))
