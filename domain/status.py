"""A session's status: the table of allowed moves, and the moves that are due by time."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Self

from domain.errors import ForbiddenError, WrongStatusError

MEETING_OUTLIVES_SESSION = timedelta(minutes=60)  # at most


class SessionStatus(StrEnum):
    SCHEDULED = "SCHEDULED"
    READY = "READY"
    ONGOING = "ONGOING"
    COMPLETED = "COMPLETED"
    CANCELLED = "CANCELLED"
    ABSENT = "ABSENT"

    @property
    def is_live(self) -> bool:
        """Tell whether people may be in the session's room."""
        return self in (SessionStatus.READY, SessionStatus.ONGOING)

    @property
    def is_ahead(self) -> bool:
        """Tell whether the session has neither started nor ended."""
        return self in (SessionStatus.SCHEDULED, SessionStatus.READY)

    @property
    def is_over(self) -> bool:
        return self in (SessionStatus.COMPLETED, SessionStatus.CANCELLED, SessionStatus.ABSENT)


AHEAD = tuple(status for status in SessionStatus if status.is_ahead)
LIVE = tuple(status for status in SessionStatus if status.is_live)
OVER = tuple(status for status in SessionStatus if status.is_over)
OPEN = (SessionStatus.SCHEDULED, *LIVE)


class TransitionCause(StrEnum):
    CLOCK = "CLOCK"
    FIRST_JOIN = "FIRST_JOIN"
    ROOM_FINISHED = "ROOM_FINISHED"
    PERSON = "PERSON"
    ATTENDANCE = "ATTENDANCE"


ALLOWED_MOVES: dict[SessionStatus, frozenset[SessionStatus]] = {
    SessionStatus.SCHEDULED: frozenset({SessionStatus.READY, SessionStatus.CANCELLED}),
    SessionStatus.READY: frozenset(
        {SessionStatus.ONGOING, SessionStatus.CANCELLED, SessionStatus.SCHEDULED}
    ),
    SessionStatus.ONGOING: frozenset(
        {SessionStatus.COMPLETED, SessionStatus.CANCELLED, SessionStatus.SCHEDULED}
    ),
    SessionStatus.COMPLETED: frozenset({SessionStatus.ABSENT}),
    SessionStatus.CANCELLED: frozenset(),
    SessionStatus.ABSENT: frozenset({SessionStatus.COMPLETED}),
}

_FORWARD = (
    SessionStatus.SCHEDULED,
    SessionStatus.READY,
    SessionStatus.ONGOING,
    SessionStatus.COMPLETED,
)


def check_move(status: SessionStatus, to: SessionStatus) -> None:
    """Raise WRONG_STATUS for a move that the table does not allow."""
    if to not in ALLOWED_MOVES[status]:
        raise WrongStatusError(f"A session that is {status} cannot become {to}.")


def check_asked_move(
    status: SessionStatus,
    to: SessionStatus,
    now: datetime,
    *,
    scheduled_at: datetime,
    ends_at: datetime,
    runs_academy: bool,
) -> None:
    """Raise WRONG_STATUS or FORBIDDEN where a person asks for an allowed move at a wrong time.

    Until its scheduled start an ONGOING session is put back or cancelled like one that is ahead.
    From then until its scheduled end it is only cancelled, by who runs its academy.
    """
    if status is not SessionStatus.ONGOING or to is SessionStatus.COMPLETED or now < scheduled_at:
        return
    if to is SessionStatus.SCHEDULED:
        raise WrongStatusError("A session keeps its time once its scheduled start has come.")
    if now >= ends_at:
        raise WrongStatusError("A session is not cancelled once its scheduled end has come.")
    if not runs_academy:
        raise ForbiddenError("A session that has begun is cancelled by an admin or a supervisor.")


def path_to(status: SessionStatus, to: SessionStatus) -> tuple[SessionStatus, ...]:
    """List the moves to another status, with all between; WRONG_STATUS if no way leads there."""
    if status in _FORWARD and to in _FORWARD:
        start, end = _FORWARD.index(status), _FORWARD.index(to)
        if start < end:
            return _FORWARD[start + 1 : end + 1]
    check_move(status, to)
    return (to,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """The dates at which moves are due.

    People inside delay completion until `overtime_until` at most; a person who keeps the session
    open delays it until `kept_open_until`.
    """

    status: SessionStatus
    ready_at: datetime
    scheduled_at: datetime
    completes_at: datetime
    overtime_until: datetime
    people_inside: int = 0
    kept_open_until: datetime | None = None

    @classmethod
    def of_schedule(
        cls,
        scheduled_at: datetime,
        duration_minutes: int,
        *,
        ready_minutes: int,
        buffer_minutes: int,
        overtime_minutes: int,
    ) -> Self:
        """Compute the timeline of a session that is about to be scheduled."""
        completes_at = scheduled_at + timedelta(minutes=duration_minutes + buffer_minutes)
        return cls(
            status=SessionStatus.SCHEDULED,
            ready_at=scheduled_at - timedelta(minutes=ready_minutes),
            scheduled_at=scheduled_at,
            completes_at=completes_at,
            overtime_until=min(
                completes_at + timedelta(minutes=overtime_minutes),
                scheduled_at + timedelta(minutes=duration_minutes) + MEETING_OUTLIVES_SESSION,
            ),
        )

    @property
    def next_move(self) -> tuple[SessionStatus, datetime] | None:
        """Return the next move that is due by time, and its date; None once the session is over."""
        match self.status:
            case SessionStatus.SCHEDULED:
                return SessionStatus.READY, self.ready_at
            case SessionStatus.READY:
                return SessionStatus.ONGOING, self.scheduled_at
            case SessionStatus.ONGOING:
                until = self.overtime_until if self.people_inside else self.completes_at
                return SessionStatus.COMPLETED, max(until, self.kept_open_until or until)
            case _:
                return None


def due_moves(
    session: Timeline, now: datetime
) -> tuple[tuple[SessionStatus, ...], datetime | None]:
    """List every move that is due at `now`, in order, and the date of the next one after them.

    Every status has an answer at any time. The same question at the same time adds no move.
    """
    moves: list[SessionStatus] = []
    while (following := session.next_move) and following[1] <= now:
        moves.append(following[0])
        session = replace(session, status=following[0])
    return tuple(moves), following[1] if following else None
