"""What is not as it should be with a session, since when, and what its last attempt said."""

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


# How late anything may be before somebody has to look.
MOVE_LATE = timedelta(seconds=5)
MEETING_LATE = timedelta(seconds=60)
ROOM_LATE = timedelta(seconds=30)
RESULT_LATE = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Stuck:
    reason: StuckReason
    since: datetime
    detail: str | None


@dataclass(frozen=True, slots=True)
class Undone:
    """Work that is still to be done, since when, and what the last attempt at it said."""

    due_at: datetime
    last_error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """All of a session that says whether it goes on. `room_well_at` is the last time that its room
    was known to be there, or else was asked for."""

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


def find(session: Condition, now: datetime) -> Stuck | None:
    """The first of its troubles; None when all is as it should be."""
    found = (
        look(session, now) for look in (_overdue, _no_meeting, _no_room, _not_ended, _not_final)
    )
    return next((trouble for trouble in found if trouble), None)


def _overdue(session: Condition, now: datetime) -> Stuck | None:
    due_at = session.next_transition_at
    return _late(StuckReason.OVERDUE, due_at, MOVE_LATE, session.last_error, now)


def _no_meeting(session: Condition, now: datetime) -> Stuck | None:
    if session.has_meeting or not session.status.is_live:
        return None
    return _late(StuckReason.NO_MEETING, session.opened_at, MEETING_LATE, session.refusal, now)


def _no_room(session: Condition, now: datetime) -> Stuck | None:
    is_well = session.has_room and session.room_error is None
    if is_well or not (session.status.is_live and session.has_meeting and session.wants_room):
        return None
    since = session.room_well_at
    return _late(StuckReason.ROOM_NOT_MADE, since, ROOM_LATE, session.room_error, now)


def _not_ended(session: Condition, now: datetime) -> Stuck | None:
    work = session.deleting
    if work is None or not session.status.is_over:
        return None
    return _late(StuckReason.NOT_ENDED, work.due_at, ROOM_LATE, work.last_error, now)


def _not_final(session: Condition, now: datetime) -> Stuck | None:
    if session.is_final or session.status is not SessionStatus.COMPLETED:
        return None
    said = session.finalising.last_error if session.finalising else None
    return _late(StuckReason.NOT_FINALISED, session.ended_at, RESULT_LATE, said, now)


def _late(
    reason: StuckReason, since: datetime | None, most: timedelta, detail: str | None, now: datetime
) -> Stuck | None:
    return Stuck(reason, since, detail) if since is not None and now - since > most else None
