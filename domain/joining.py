"""Reasons why a person may not join a session now."""

from datetime import datetime

from domain.errors import (
    AcademyInactiveError,
    BarredError,
    DomainError,
    ForbiddenError,
    NotJoinableYetError,
    RoomFullError,
    SessionOverError,
)
from domain.standing import Standing
from domain.status import SessionStatus


def right_refusal(standing: Standing) -> DomainError | None:
    """Say why the person has no right to be in the session at any hour; None: they have one.

    A person without it has to leave the room.
    """
    if standing.is_barred:
        return BarredError("Barred from this session.")
    if not standing.may_join:
        return ForbiddenError("You are not expected in this session.")
    return None


def join_refusal(
    status: SessionStatus,
    standing: Standing,
    *,
    is_academy_active: bool,
    joinable_at: datetime | None = None,
    no_meeting: DomainError | None = None,
    is_full: bool = False,
) -> DomainError | None:
    """Say why the person may not join now; None: they may.

    `standing` says what the session is to them; `joinable_at` from when they may join one that is
    SCHEDULED; `no_meeting` why it has no meeting and none can be made now.
    """
    if refusal := right_refusal(standing):
        return refusal
    if status.is_over:
        return SessionOverError("The session is over.")
    if not is_academy_active:
        return AcademyInactiveError("The academy is not active.")
    if status is SessionStatus.SCHEDULED:
        refusal = NotJoinableYetError("The session is not open yet.")
        refusal.retry_at = joinable_at
        return refusal
    if no_meeting is not None:
        return no_meeting
    if is_full:
        return RoomFullError("The room is full.")
    return None
