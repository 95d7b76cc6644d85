"""May this person enter this session now, and if not, why."""

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
    """Why the session is not theirs to be in, whatever the hour; who is inside has to leave."""
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
    no_meeting: DomainError | None = None,
    is_full: bool = False,
) -> DomainError | None:
    """None: they may. `standing` says what the session is to them, `no_meeting` why none would be
    made for them now."""
    if refusal := right_refusal(standing):
        return refusal
    if status.is_over:
        return SessionOverError("The session is over.")
    if not is_academy_active:
        return AcademyInactiveError("The academy is not active.")
    if status is SessionStatus.SCHEDULED:
        return NotJoinableYetError("The session is not open yet.")
    if no_meeting is not None:
        return no_meeting
    if is_full:
        return RoomFullError("The room is full.")
    return None
