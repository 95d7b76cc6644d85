from datetime import datetime
from typing import Self

import strawberry

import models
from domain.session import GroupKind, MembershipSource
from models.reading.pages import BY_ID, read_page
from schema.types.academy import Academy
from schema.types.context import Info
from schema.types.given import given
from schema.types.ids import Kind, encode
from schema.types.node import Node
from schema.types.pages import Connection
from schema.types.user import User


@strawberry.type
class GroupMember:
    user: User
    via: MembershipSource
    active_from: datetime | None
    active_until: datetime | None

    @classmethod
    def of(cls, row: models.Membership) -> Self:
        return cls(
            user=User.of(row.user),
            via=row.via,
            active_from=row.active_from,
            active_until=row.active_until,
        )


@strawberry.type
class Group(Node):
    row: strawberry.Private[models.Group]
    database_id: int
    external_id: str | None
    kind: GroupKind
    name: str

    @classmethod
    def of(cls, row: models.Group) -> Self:
        return cls(
            row=row,
            id=encode(Kind.GROUP, row.id),
            database_id=row.id,
            external_id=row.external_id,
            kind=row.kind,
            name=row.name,
        )

    @strawberry.field
    async def academy(self, info: Info) -> Academy:
        return Academy.of(await info.context.loaders.academies.load(self.row.academy_id))

    @strawberry.field
    async def teacher(self, info: Info) -> User | None:
        if self.row.teacher_id is None:
            return None
        return User.of(await info.context.loaders.users.load(self.row.teacher_id))

    @strawberry.field
    async def members(
        self,
        info: Info,
        first: int | None = strawberry.UNSET,
        after: str | None = strawberry.UNSET,
    ) -> Connection[GroupMember]:
        rows = models.Membership.visible_to(info.context.viewer).filter(group_id=self.row.id)
        found = await read_page(rows.select_related("user"), first=given(first), after=given(after))
        return Connection.of(found, cursor=BY_ID.cursor, node=GroupMember.of)
