"""May this person enter this session now, and if not, why."""

from domain.errors import (
    AcademyInactiveError,
    DomainError,
    ForbiddenError,
    NotJoinableYetError,
    RoomFullError,
    SessionOverError,
)
from domain.status import SessionStatus


def join_refusal(
    status: SessionStatus, *, may_join: bool, is_academy_active: bool, is_full: bool = False
) -> DomainError | None:
    """None: they may. `may_join`: they manage it, or they or their child are expected in it."""
    if not may_join:
        return ForbiddenError("You are not expected in this session.")
    if status.is_over:
        return SessionOverError("The session is over.")
    if not is_academy_active:
        return AcademyInactiveError("The academy is not active.")
    if status is SessionStatus.SCHEDULED:
        return NotJoinableYetError("The session is not open yet.")
    if is_full:
        return RoomFullError("The room is full.")
    return None
