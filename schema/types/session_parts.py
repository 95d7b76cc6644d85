"""What a session says of itself in more than one word."""

from datetime import datetime

import strawberry

from domain.status import SessionStatus
from schema.types.errors import UserError


@strawberry.type
class ScheduledTransition:
    to: SessionStatus
    at: datetime


@strawberry.type
class SessionPermissions:
    can_join: bool
    can_manage: bool
    join_refusal: UserError | None
