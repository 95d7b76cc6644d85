from datetime import datetime
from typing import Self

import strawberry

from domain.webhook import WebhookOutcome
from models.reading.webhook_log import WebhookEntry
from schema.types.context import Info
from schema.types.session import Session
from schema.types.user import User


@strawberry.type
class WebhookEvent:
    entry: strawberry.Private[WebhookEntry]
    id: strawberry.ID
    kind: str
    outcome: WebhookOutcome
    room_name: str | None
    participant_sid: str | None
    occurred_at: datetime
    received_at: datetime
    detail: str | None

    @classmethod
    def of(cls, entry: WebhookEntry) -> Self:
        return cls(
            entry=entry,
            id=strawberry.ID(entry.id),
            kind=entry.kind,
            outcome=entry.outcome,
            room_name=entry.room_name,
            participant_sid=entry.participant_sid,
            occurred_at=entry.occurred_at,
            received_at=entry.received_at,
            detail=entry.detail,
        )

    @strawberry.field
    async def session(self, info: Info) -> Session | None:
        number = self.entry.session_id
        return await info.context.session(number) if number else None

    @strawberry.field
    async def user(self, info: Info) -> User | None:
        number = self.entry.user_id
        return User.of(await info.context.loaders.users.load(number)) if number else None
