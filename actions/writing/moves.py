"""Moves change a session's status: checked against `ALLOWED_MOVES`, appended to the stream, with
their effects in the same transaction, whoever asks for them.

Open stays are not closed here but by the caller who ends the session, with `folding.close_stays`:
folding imports this module.
"""

from dataclasses import dataclass
from datetime import timedelta

from actions.writing.draft import Draft
from actions.writing.meeting import close_meeting, make_meeting
from domain.event import SessionEventKind
from domain.session import MeetingSource, WorkKind
from domain.status import (
    SessionStatus,
    TransitionCause,
    check_asked_move,
    check_move,
    due_moves,
    path_to,
)

FINAL_AFTER = timedelta(seconds=10)  # between a session's end and its final attendance


@dataclass(frozen=True, slots=True)
class Because:
    """The cause of a move; `actor_id` is the person who asked for it.

    `runs_academy`: that person may cancel a session that has begun.
    """

    cause: TransitionCause
    actor_id: int | None = None
    reason: str | None = None
    runs_academy: bool = False


CLOCK = Because(TransitionCause.CLOCK)


def advance(draft: Draft, people_inside: int = 0) -> None:
    """Make every move that is due, missed ones in order, and set the timer for the next."""
    moves, following = due_moves(draft.session.timeline_with(people_inside), draft.now)
    for to in moves:
        _move(draft, to, CLOCK)
    kept_until = draft.session.kept_open_until
    if (
        kept_until is not None and kept_until <= draft.now
    ):  # also while people inside delay its completion
        let_go(draft, None)
    draft.change(next_transition_at=following, parked_until=None, last_error=None)


def move_to(draft: Draft, to: SessionStatus, because: Because) -> None:
    """Move the session to `to`, through the statuses between; WRONG_STATUS if there is no way."""
    for step in path_to(draft.session.status, to):
        _move(draft, step, because)
    following = draft.session.timeline.next_move
    draft.change(
        next_transition_at=following[1] if following else None, parked_until=None, last_error=None
    )


def _move(draft: Draft, to: SessionStatus, because: Because) -> None:
    session, before = draft.session, draft.session.status
    check_move(before, to)
    if because.cause is TransitionCause.PERSON:
        times = {"scheduled_at": session.scheduled_at, "ends_at": session.ends_at}
        check_asked_move(before, to, draft.now, **times, runs_academy=because.runs_academy)
    payload = {"from": before, "to": to, "cause": because.cause, "reason": because.reason}
    draft.append(SessionEventKind.STATUS_CHANGED, payload, because.actor_id)
    draft.change(status=to)
    if to.is_live:
        if session.opened_at is None:
            draft.change(opened_at=draft.now)
        if to is SessionStatus.ONGOING:
            draft.change(started_at=draft.now)
            expect_teacher(draft)
        is_person = because.actor_id is not None
        source = MeetingSource.ADMIN if is_person else MeetingSource.AUTO
        make_meeting(draft, source, because.actor_id, is_person=is_person)
    elif to in (SessionStatus.COMPLETED, SessionStatus.CANCELLED) and not before.is_over:
        draft.change(ended_at=draft.now)
        let_go(draft, because.actor_id)
        is_closed = because.cause is TransitionCause.ROOM_FINISHED
        close_meeting(draft, because.actor_id, is_closed=is_closed)
        if to is SessionStatus.COMPLETED:
            draft.add_work(WorkKind.FINALISE_ATTENDANCE, draft.now + FINAL_AFTER)
            if because.actor_id is not None and draft.now < session.ends_at:
                draft.change(held_until=draft.now)
    if not to.is_live and draft.now < session.ends_at:
        draft.drop_work(WorkKind.MISS_TEACHER)


def expect_teacher(draft: Draft) -> None:
    """Add work that tells that the teacher of an ONGOING session is missing, if they stay away."""
    due_at = max(draft.session.teacher_due_at, draft.now)
    if due_at < draft.session.ends_at:
        draft.add_work(WorkKind.MISS_TEACHER, due_at)


def let_go(draft: Draft, actor_id: int | None) -> None:
    """End the keeping open of a session, if somebody keeps it open."""
    if draft.session.kept_open_until is None:
        return
    draft.change(kept_open_since=None, kept_open_until=None, kept_open_by_id=None)
    draft.append(SessionEventKind.KEPT_OPEN_CHANGED, {"kept_open": None}, actor_id)
