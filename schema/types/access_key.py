from datetime import datetime
from typing import Self

import strawberry

import models
from models.reading.pages import BY_ID, Slice
from schema.types.context import Info
from schema.types.given import given
from schema.types.ids import Kind, encode
from schema.types.node import Node
from schema.types.pages import Connection
from schema.types.user import User


@strawberry.type
class AccessKeyChange:
    row: strawberry.Private[models.AccessKeyChange]
    what: str
    at: datetime

    @classmethod
    def of(cls, row: models.AccessKeyChange) -> Self:
        return cls(row=row, what=row.what, at=row.changed_at)

    @strawberry.field
    async def user(self, info: Info) -> User:
        return User.of(await info.context.loaders.users.load(self.row.user_id))


@strawberry.type
class AccessKey(Node):
    row: strawberry.Private[models.AccessKey]
    name: str
    created_at: datetime
    last_used_at: datetime | None
    expires_at: datetime | None
    revoked_at: datetime | None

    @classmethod
    def of(cls, row: models.AccessKey) -> Self:
        return cls(
            row=row,
            id=encode(Kind.ACCESS_KEY, row.id),
            name=row.name,
            created_at=row.created_at,
            last_used_at=row.last_used_at,
            expires_at=row.expires_at,
            revoked_at=row.revoked_at,
        )

    @strawberry.field
    async def user(self, info: Info) -> User:
        return User.of(await info.context.loaders.users.load(self.row.user_id))

    @strawberry.field
    async def changes(
        self,
        info: Info,
        first: int | None = strawberry.UNSET,
        after: str | None = strawberry.UNSET,
    ) -> Connection[AccessKeyChange]:
        part = Slice.of(models.AccessKeyChange, given(first), given(after))
        found = await info.context.loaders.key_changes.load((self.row.id, part, None))
        return Connection.of(found, cursor=BY_ID.cursor, node=AccessKeyChange.of)
