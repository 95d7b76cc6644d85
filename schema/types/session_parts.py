"""Types of a session's fields: transition, trouble, permissions, keeping open."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Self

import strawberry

import models
from domain.status import SessionStatus
from domain.stuck import Stuck, StuckReason
from domain.warning import SessionWarningCode
from models.reading.warnings import ReadWarning
from schema.types.context import Info
from schema.types.errors import UserError
from schema.types.user import User

if TYPE_CHECKING:
    from schema.types.session import Session


@strawberry.type
class ScheduledTransition:
    to: SessionStatus
    at: datetime


@strawberry.type
class StuckInfo:
    reason: StuckReason
    since: datetime
    detail: str | None

    @classmethod
    def of(cls, found: Stuck) -> Self:
        return cls(reason=found.reason, since=found.since, detail=found.detail)


@strawberry.type
class SessionWarning:
    code: SessionWarningCode
    message: str
    user: User | None
    other_id: strawberry.Private[int | None]

    @classmethod
    def of(cls, found: ReadWarning) -> Self:
        return cls(
            code=found.code,
            message=found.message,
            user=User.of(found.user) if found.user else None,
            other_id=found.other.id if found.other else None,
        )

    @strawberry.field
    async def session(
        self, info: Info
    ) -> Annotated["Session", strawberry.lazy("schema.types.session")] | None:
        return None if self.other_id is None else await info.context.session(self.other_id)


@strawberry.type
class SessionPermissions:
    can_join: bool
    can_manage: bool
    join_refusal: UserError | None


@strawberry.type
class KeptOpen:
    since: datetime
    until: datetime
    by_id: strawberry.Private[int | None]

    @classmethod
    def of(cls, row: models.Session) -> Self | None:
        """Return None while nobody keeps the session open."""
        since, until = row.kept_open_since, row.kept_open_until
        if since is None or until is None:
            return None
        return cls(since=since, until=until, by_id=row.kept_open_by_id)

    @classmethod
    def from_dict(cls, stored: dict[str, Any] | None) -> Self | None:
        """Read what an event of the stream stores."""
        if stored is None:
            return None
        since, until = (datetime.fromisoformat(stored[name]) for name in ("since", "until"))
        return cls(since=since, until=until, by_id=stored["by_id"])

    @strawberry.field
    async def by(self, info: Info) -> User | None:
        if self.by_id is None:
            return None
        return User.of(await info.context.loaders.users.load(self.by_id))
