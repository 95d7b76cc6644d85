"""Folds attendance from its log, in the transaction that adds a line to it."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

from actions.writing.draft import Draft
from actions.writing.moves import Because, advance, move_to
from domain.access import UserRole
from domain.attendance.fold import Result, fold_log
from domain.attendance.state import AttendanceState, to_ms
from domain.status import SessionStatus, TransitionCause
from models import MeetingAttendance, SessionParticipant, User
from models.attendance_json import result_to_json
from models.reading.attendance_log import facts_of, read_lines
from models.reading.rosters import state_of

_CACHED = ["session_id", *Result.__slots__, "calculated_ms"]


async def refold(draft: Draft, user_ids: list[int] | None = None) -> list[AttendanceState]:
    """Fold the log again for some people or for everybody, store the results and tell changes.

    Return these people's states as they are now. A person without a line has no stored result
    until the attendance is final.
    """
    session, final_at = draft.session, draft.session.finalised_at
    roster = SessionParticipant.filter(session_id=session.id).order_by("id")
    rows = await (roster if user_ids is None else roster.filter(user_id__in=user_ids))
    lines = await read_lines(session.id, user_ids)
    found = await MeetingAttendance.filter(participant_id__in=[row.id for row in rows])
    stored = {row.participant_id: row for row in found}
    was_final = final_at is not None and "finalised_at" not in draft.changed
    final_stamps = [to_ms(final_at)] if final_at else []
    room_log = facts_of(session, is_expected=False).log_of(lines[None])
    states, changed = [], []
    for row in rows:
        old = new = state_of(row, stored.get(row.id), is_final=was_final)
        facts = facts_of(session, is_expected=row.is_expected)
        own = facts.log_of(lines[row.user_id])
        if own or final_at:
            log = own + room_log
            new = replace(
                old,
                is_final=final_at is not None,
                calculated_ms=max([line.received_ms for line in log] + final_stamps),
                result=fold_log(log, facts),
            )
        states.append(new)
        if new != old:
            changed.append((old, new))
    await _store([new for _, new in changed])
    for old, new in changed:
        if _told(new) != _told(old):
            draft.append_presence(new)
    return states


async def _store(states: list[AttendanceState]) -> None:
    rows = [
        MeetingAttendance(
            participant_id=state.participant_id,
            session_id=state.session_id,
            calculated_ms=state.calculated_ms,
            **result_to_json(state.result),
        )
        for state in states
        if state.calculated_ms is not None
    ]
    if rows:
        await MeetingAttendance.bulk_create(
            rows, on_conflict=["participant_id"], update_fields=_CACHED, batch_size=500
        )


def _told(state: AttendanceState) -> AttendanceState:
    """Leave out what watchers are not told: until it is final, that it was calculated again."""
    told = replace(state, result=replace(state.result, open_sids=()))
    return told if state.is_final else replace(told, calculated_ms=None)


def stale_after(draft: Draft) -> timedelta:
    """Read from the session's policy how long a stay may go on without a sign of life."""
    return timedelta(minutes=draft.session.policy.stale_after_minutes)


async def advance_if_due(draft: Draft) -> list[AttendanceState]:
    """Make the moves that are due, and close the open stays of a session that ends by them.

    Return everybody's states where they were folded again: the session was put back, and is open.
    """
    session = draft.session
    if session.next_transition_at is None:
        return []
    waits = session.may_wait(draft.now)
    if not (session.is_overdue(draft.now) or waits):
        return []
    # A person whom only their own page reports does not keep a session going.
    inside = MeetingAttendance.filter(session_id=session.id, joined_since_ms__isnull=False)
    advance(draft, await inside.count() if waits else 0)
    if session.ended_at == draft.now:
        await close_stays(draft)
    return await count_anew(draft)


async def count_anew(draft: Draft) -> list[AttendanceState]:
    """Fold everybody again where a session that was put back opens again by this draft.

    From now on stays count, and of those before only what goes on. Return their states, or none.
    """
    session = draft.session
    is_again = session.put_back_at is not None and session.opened_at == draft.now
    return await refold(draft) if is_again else []


async def close_stays(draft: Draft) -> None:
    """Close the open stays of a session that is over. In a cancelled one nobody has a status."""
    session = draft.session
    if session.ended_at is None:
        return
    concerned = MeetingAttendance.unsettled([session.id])
    if session.status is SessionStatus.CANCELLED:
        concerned = MeetingAttendance.filter(session_id=session.id)
    rows = await concerned.select_related("participant")
    if rows:
        await refold(draft, [row.participant.user_id for row in rows])


async def start_on_first_join(draft: Draft, states: Iterable[AttendanceState]) -> None:
    """Start a READY session when its teacher or an expected student has joined.

    A page's report of it does not count, and whoever only looks in starts nothing; nor does who may
    not be there any more, and came with an old token.
    """
    if draft.session.status is not SessionStatus.READY:
        return
    teacher_id = draft.session.teacher_id
    here = [state for state in states if state.has_joined and not state.is_barred]
    came = [one.user_id for one in here if one.is_expected or one.user_id == teacher_id]
    able = User.filter(id__in=came, is_active=True, role__in=(UserRole.STUDENT, UserRole.TEACHER))
    if came and await able.exists():
        move_to(draft, SessionStatus.ONGOING, Because(TransitionCause.FIRST_JOIN))
