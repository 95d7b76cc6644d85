"""Trouble of a session: its reason, since when it lasts, and what the last attempt said."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from domain.status import SessionStatus


class StuckReason(StrEnum):
    OVERDUE = "OVERDUE"
    NO_MEETING = "NO_MEETING"
    ROOM_NOT_MADE = "ROOM_NOT_MADE"
    NOT_ENDED = "NOT_ENDED"
    NOT_FINALISED = "NOT_FINALISED"
    NO_TEACHER = "NO_TEACHER"


# How late each may be before an operator has to act.
MOVE_LATE = timedelta(seconds=5)
MEETING_LATE = timedelta(seconds=60)
ROOM_LATE = timedelta(seconds=30)
RESULT_LATE = timedelta(seconds=60)
AT_ONCE = -timedelta.resolution


@dataclass(frozen=True, slots=True)
class Stuck:
    reason: StuckReason
    since: datetime
    detail: str | None


@dataclass(frozen=True, slots=True)
class Undone:
    """Due work that nobody has finished: its date, and the error of the last attempt."""

    due_at: datetime
    last_error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """All that tells whether a session is stuck.

    `room_well_at` is the last time at which its room was known to exist; before that, the time at
    which the room was asked for. `has_teacher`: a stay of the teacher reaches into the class.
    """

    status: SessionStatus
    next_transition_at: datetime | None
    last_error: str | None
    opened_at: datetime | None
    has_meeting: bool
    refusal: str | None
    wants_room: bool
    has_room: bool
    room_error: str | None
    room_well_at: datetime | None
    ended_at: datetime | None
    is_final: bool
    deleting: Undone | None
    finalising: Undone | None
    teacher_due_at: datetime
    ends_at: datetime
    has_teacher: bool


def find_trouble(session: Condition, now: datetime) -> Stuck | None:
    """Find the session's first trouble; None when all is well."""
    status, has_meeting = session.status, session.has_meeting
    late = [(StuckReason.OVERDUE, session.next_transition_at, MOVE_LATE, session.last_error)]
    if status.is_live and not has_meeting:
        # A refusal stands until the gate's rules or the hour change: there is nothing to wait for.
        allowance = AT_ONCE if session.refusal else MEETING_LATE
        late.append((StuckReason.NO_MEETING, session.opened_at, allowance, session.refusal))
    has_good_room = session.has_room and session.room_error is None
    if status.is_live and has_meeting and session.wants_room and not has_good_room:
        since, error = session.room_well_at, session.room_error
        late.append((StuckReason.ROOM_NOT_MADE, since, ROOM_LATE, error))
    if not status.is_live and session.deleting is not None:  # it is over, or was put back
        work = session.deleting
        late.append((StuckReason.NOT_ENDED, work.due_at, ROOM_LATE, work.last_error))
    if status is SessionStatus.COMPLETED and not session.is_final:
        error = session.finalising.last_error if session.finalising else None
        late.append((StuckReason.NOT_FINALISED, session.ended_at, RESULT_LATE, error))
    if status is SessionStatus.ONGOING and not session.has_teacher and now < session.ends_at:
        late.append((StuckReason.NO_TEACHER, session.teacher_due_at, AT_ONCE, None))
    for reason, since, allowance, detail in late:
        if since is not None and now - since > allowance:
            return Stuck(reason, since, detail)
    return None
