from datetime import datetime
from typing import Any, Self

import strawberry
from graphql import OperationType

import models
from domain.errors import ErrorCode
from domain.meeting import MediaQuality
from domain.meeting import MeetingOptions as Options
from schema.types.context import Info
from schema.types.room import RoomInfo
from schema.types.scalars import URL
from schema.types.user import User


@strawberry.type
class MeetingOptions:
    max_participants: int
    recording_enabled: bool
    max_duration_minutes: int
    empty_timeout_seconds: int
    video_quality: MediaQuality
    audio_quality: MediaQuality
    screen_sharing_enabled: bool
    chat_enabled: bool
    mute_on_join: bool
    theme: str | None

    @classmethod
    def of(cls, options: Options) -> Self:
        return cls(**{name: getattr(options, name) for name in cls.__annotations__})


@strawberry.type
class Meeting:
    row: strawberry.Private[models.Session]
    meeting_id: str
    room_name: str
    link: URL
    platform: str
    source: str
    is_auto_generated: bool
    created_at: datetime
    expires_at: datetime
    ended_at: datetime | None
    room_ready_at: datetime | None
    options: MeetingOptions

    @classmethod
    def of(cls, row: models.Session) -> Self | None:
        """Return None while the session has no meeting."""
        if row.meeting_id is None or row.meeting_created_at is None:
            return None
        return cls(
            row=row,
            meeting_id=row.meeting_id,
            room_name=str(row.room_name),
            link=URL(str(row.meeting_link)),
            platform="livekit",
            source=str(row.meeting_source),
            is_auto_generated=row.meeting_created_by_id is None,
            created_at=row.meeting_created_at,
            expires_at=row.meeting_expires_at or row.ends_at,
            ended_at=row.meeting_ended_at,
            room_ready_at=row.room_ready_at,
            options=MeetingOptions.of(row.options),
        )

    @strawberry.field
    async def created_by(self, info: Info) -> User | None:
        if self.row.meeting_created_by_id is None:
            return None
        return User.of(await info.context.loaders.users.load(self.row.meeting_created_by_id))

    @strawberry.field
    async def room(self, info: Info) -> RoomInfo:
        is_streamed = info.operation.operation is OperationType.SUBSCRIPTION
        return await info.context.room(self.row, is_streamed=is_streamed)

    @strawberry.field
    def last_error(self, info: Info) -> str | None:
        return self.row.room_error_for(info.context.viewer)


@strawberry.type
class MeetingRefusal:
    code: ErrorCode
    message: str
    at: datetime
    retry_at: datetime | None

    @classmethod
    def from_dict(cls, stored: dict[str, Any] | None) -> Self | None:
        """Read what the session's row and the stream store."""
        if stored is None:
            return None
        retry_at = stored["retryAt"]
        return cls(
            code=ErrorCode(stored["code"]),
            message=stored["message"],
            at=datetime.fromisoformat(stored["at"]),
            retry_at=datetime.fromisoformat(retry_at) if retry_at else None,
        )


@strawberry.type
class TokenPermissions:
    can_publish: bool
    can_subscribe: bool
    can_publish_data: bool
    can_share_screen: bool
    room_admin: bool


@strawberry.type
class MeetingToken:
    access_token: str
    server_url: URL
    room_name: str
    participant_identity: str
    permissions: TokenPermissions
    room_ensured: bool
    expires_at: datetime
