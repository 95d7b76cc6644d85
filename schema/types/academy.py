from typing import TYPE_CHECKING, Annotated, Self

import strawberry

import models
from schema.types.context import Info
from schema.types.ids import Kind, encode
from schema.types.node import Node
from schema.types.settings import AttendancePolicy, VideoSettings
from schema.types.statistics import MeetingStatistics

if TYPE_CHECKING:
    from schema.types.access_key import AccessKey


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
        return self.row.link_template_for(info.context.viewer)

    @strawberry.field
    async def video_settings(self, info: Info) -> VideoSettings:
        return VideoSettings.of(await info.context.loaders.video_settings.load(self.database_id))

    @strawberry.field
    async def attendance_policy(self, info: Info) -> AttendancePolicy:
        loaders = info.context.loaders
        return AttendancePolicy.of(await loaders.attendance_policies.load(self.database_id))

    @strawberry.field
    async def meeting_statistics(self, info: Info) -> MeetingStatistics:
        return MeetingStatistics.of(await info.context.loaders.meetings.load(self.database_id))

    @strawberry.field
    async def access_keys(
        self, info: Info
    ) -> list[Annotated["AccessKey", strawberry.lazy("schema.types.access_key")]]:
        return await info.context.access_keys(self.database_id)
