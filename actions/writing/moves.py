"""The one way a session changes status: checked against the table, told in the stream, with its
effects in the same transaction, whoever asks for it. Only the stays that are open are closed by
whoever ends the session, with `folding.close_stays`: folding makes moves itself."""

from dataclasses import dataclass
from datetime import timedelta

from actions.writing.draft import Draft
from actions.writing.meeting import close_meeting, make_meeting
from domain.event import SessionEventKind
from domain.session import MeetingSource, WorkKind
from domain.status import SessionStatus, TransitionCause, check_move, due_moves, path_to

GRACE = timedelta(seconds=10)  # between a session's end and its final attendance


@dataclass(frozen=True, slots=True)
class Because:
    """Why a session moves, and who wants it."""

    cause: TransitionCause
    actor_id: int | None = None
    reason: str | None = None


CLOCK = Because(TransitionCause.CLOCK)


def advance(draft: Draft, people_inside: int = 0) -> None:
    """Make every move that is due, the missed ones in order, and set the timer for the next."""
    moves, following = due_moves(draft.session.timeline_with(people_inside), draft.now)
    for to in moves:
        _move(draft, to, CLOCK)
    kept_until = draft.session.kept_open_until
    if kept_until is not None and kept_until <= draft.now:  # people inside hold it open still
        let_go(draft, None)
    draft.change(next_transition_at=following, parked_until=None, last_error=None)


def move_to(draft: Draft, to: SessionStatus, because: Because) -> None:
    """Walk to a status through those between; WRONG_STATUS when there is no way."""
    for step in path_to(draft.session.status, to):
        _move(draft, step, because)
    following = draft.session.timeline.next_move
    draft.change(
        next_transition_at=following[1] if following else None, parked_until=None, last_error=None
    )


def _move(draft: Draft, to: SessionStatus, because: Because) -> None:
    status = draft.session.status
    check_move(status, to)
    told = {"from": status, "to": to, "cause": because.cause, "reason": because.reason}
    draft.append(SessionEventKind.STATUS_CHANGED, told, because.actor_id)
    draft.change(status=to)
    if to.is_live:
        _open(draft, because)
    elif to in (SessionStatus.COMPLETED, SessionStatus.CANCELLED) and not status.is_over:
        _close(draft, because)


def _open(draft: Draft, because: Because) -> None:
    if draft.session.opened_at is None:
        draft.change(opened_at=draft.now)
    if draft.session.status is SessionStatus.ONGOING:
        draft.change(started_at=draft.now)
    source = MeetingSource.AUTO if because.actor_id is None else MeetingSource.ADMIN
    make_meeting(draft, source, because.actor_id, is_person=because.actor_id is not None)


def _close(draft: Draft, because: Because) -> None:
    draft.change(ended_at=draft.now)
    let_go(draft, because.actor_id)
    is_closed = because.cause is TransitionCause.ROOM_FINISHED
    close_meeting(draft, because.actor_id, is_closed=is_closed)
    if draft.session.status is SessionStatus.COMPLETED:
        draft.plan(WorkKind.FINALISE_ATTENDANCE, draft.now + GRACE)


def let_go(draft: Draft, actor_id: int | None) -> None:
    """Nobody keeps the session open any more."""
    if draft.session.kept_open_until is None:
        return
    draft.change(kept_open_since=None, kept_open_until=None, kept_open_by_id=None)
    draft.append(SessionEventKind.KEPT_OPEN_CHANGED, {"kept_open": None}, actor_id)
