from datetime import datetime
from enum import StrEnum

import strawberry

from schema.types.context import Info
from schema.types.user import User


@strawberry.enum
class RoomInfoSource(StrEnum):
    LIVEKIT = "LIVEKIT"
    DATABASE = "DATABASE"


@strawberry.type
class RoomParticipant:
    identity: str
    display_name: str
    joined_at: datetime
    is_publisher: bool
    user_id: strawberry.Private[int | None]
    academy_id: strawberry.Private[int]

    @strawberry.field
    async def user(self, info: Info) -> User | None:
        """Find the user by the number in the identity, if it belongs to this academy."""
        if self.user_id is None:
            return None
        row = await info.context.loaders.named_users.load(self.user_id)
        if row is None or row.academy_id not in (self.academy_id, None):
            return None
        return User.of(row)


@strawberry.type
class RoomInfo:
    name: str
    sid: str | None
    is_active: bool
    participant_count: int
    participants: list[RoomParticipant]
    created_at: datetime | None
    source: RoomInfoSource
