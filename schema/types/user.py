from datetime import datetime
from operator import attrgetter
from typing import TYPE_CHECKING, Annotated, Self

import strawberry

import models
from domain.access import UserRole
from models.reading.pages import Slice
from schema.types.academy import Academy
from schema.types.context import Info
from schema.types.fields import worked_out
from schema.types.given import given
from schema.types.ids import Kind, encode
from schema.types.node import Node
from schema.types.pages import CountedConnection
from schema.types.settings import TeacherMeetingSettings

if TYPE_CHECKING:
    from schema.types.attendance import Attendance


@strawberry.type
class User(Node):
    row: strawberry.Private[models.User]
    id: strawberry.ID = worked_out(lambda user: encode(Kind.USER, user.row.id))
    database_id: int = worked_out(attrgetter("row.id"))
    first_name: str = worked_out(attrgetter("row.first_name"))
    last_name: str = worked_out(attrgetter("row.last_name"))
    display_name: str = worked_out(attrgetter("row.display_name"))
    role: UserRole = worked_out(attrgetter("row.role"))
    is_active: bool = worked_out(attrgetter("row.is_active"))
    is_service: bool = worked_out(attrgetter("row.is_service"))

    @classmethod
    def of(cls, row: models.User) -> Self:
        return cls(row=row)

    @strawberry.field
    def external_id(self, info: Info) -> str | None:
        return self.row.external_id_for(info.context.viewer_if_any)

    @strawberry.field
    async def email(self, info: Info) -> str | None:
        seen = await info.context.loaders.seen_users.load(self.database_id)
        return self.row.email if seen else None

    @strawberry.field
    async def academy(self, info: Info) -> Academy | None:
        if self.row.academy_id is None:
            return None
        return Academy.of(await info.context.loaders.academies.load(self.row.academy_id))

    @strawberry.field
    async def children(self, info: Info) -> list["User"]:
        return [User.of(row) for row in await info.context.loaders.children.load(self.database_id)]

    @strawberry.field
    async def guardians(self, info: Info) -> list["User"]:
        return [User.of(row) for row in await info.context.loaders.guardians.load(self.database_id)]

    @strawberry.field
    async def meeting_settings(self, info: Info) -> TeacherMeetingSettings | None:
        if not await info.context.loaders.seen_users.load(self.database_id):
            return None
        row = await info.context.loaders.meeting_settings.load(self.database_id)
        return TeacherMeetingSettings.of(row) if row else None

    @strawberry.field
    async def attendance_history(
        self,
        info: Info,
        first: int | None = strawberry.UNSET,
        after: str | None = strawberry.UNSET,
        from_: Annotated[datetime | None, strawberry.argument(name="from")] = strawberry.UNSET,
        to: datetime | None = strawberry.UNSET,
    ) -> CountedConnection[Annotated["Attendance", strawberry.lazy("schema.types.attendance")]]:
        part = Slice.of(models.SessionParticipant, given(first), given(after))
        span = given(from_), given(to)
        found = await info.context.loaders.histories.load((self.database_id, part, span))
        return await info.context.attendances(found)
