"""Attendance is folded from its log whenever a line is added, in the same transaction."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from actions.attendance.watches import watch
from actions.writing.draft import Draft
from actions.writing.moves import Because, advance, move_to
from actions.writing.roster import tell
from domain.attendance.fold import Result, fold
from domain.attendance.state import AttendanceState, to_ms
from domain.status import SessionStatus, TransitionCause
from models import MeetingAttendance, SessionParticipant
from models.reading.attendance_log import Lines, facts_of, read_lines
from models.reading.rosters import state_of

_CACHED = ["session_id", *Result.__slots__, "calculated_ms"]


async def refold(draft: Draft, user_ids: list[int] | None = None) -> list[AttendanceState]:
    """Fold the log again for some people or for everybody, and tell what changed.

    Who has no line has no row either, until the result is final. The states as they are now.
    """
    rows = await _participants(draft.session.id, user_ids)
    lines = await read_lines(draft.session.id, user_ids)
    found = await MeetingAttendance.filter(participant_id__in=[row.id for row in rows])
    cached = {row.participant_id: row for row in found}
    was_final = draft.session.finalised_at is not None and "finalised_at" not in draft.changed
    before = [state_of(row, cached.get(row.id), is_final=was_final) for row in rows]
    after = [_fold(draft, state, lines) for state in before]
    changed = [new for old, new in zip(before, after, strict=True) if new != old]
    await _store(changed)
    await watch(draft, [new for old, new in zip(before, after, strict=True) if _opens(old, new)])
    for old, new in zip(before, after, strict=True):
        if _told(new) != _told(old):
            tell(draft, new)
    return after


def _told(state: AttendanceState) -> AttendanceState:
    """What watchers are told of: until the result is final, not that it was calculated again."""
    told = replace(state, result=replace(state.result, open_sids=()))
    return told if state.is_final else replace(told, calculated_ms=None)


def _opens(old: AttendanceState, new: AttendanceState) -> bool:
    return bool(set(new.result.open_sids) - set(old.result.open_sids))


async def _participants(session_id: int, user_ids: list[int] | None) -> list[SessionParticipant]:
    rows = SessionParticipant.filter(session_id=session_id).order_by("id")
    return await (rows if user_ids is None else rows.filter(user_id__in=user_ids))


def _fold(draft: Draft, before: AttendanceState, lines: Lines) -> AttendanceState:
    facts = facts_of(draft.session, is_expected=before.is_expected)
    own, rooms = (list(filter(facts.is_near, lines[who])) for who in (before.user_id, None))
    finalised_at = draft.session.finalised_at
    if not own and finalised_at is None:
        return before
    stamps = [line.received_ms for line in own + rooms]
    return replace(
        before,
        is_final=finalised_at is not None,
        calculated_ms=max(stamps + ([to_ms(finalised_at)] if finalised_at else [])),
        result=fold(own + rooms, facts),
    )


async def _store(states: list[AttendanceState]) -> None:
    """Write the cache of these states anew."""
    rows = [MeetingAttendance(**_row(state)) for state in states if state.calculated_ms is not None]
    if rows:
        await MeetingAttendance.bulk_create(
            rows, on_conflict=["participant_id"], update_fields=_CACHED, batch_size=500
        )


def _row(state: AttendanceState) -> dict[str, Any]:
    return state.result.to_dict() | {
        "participant_id": state.participant_id,
        "session_id": state.session_id,
        "calculated_ms": state.calculated_ms,
    }


async def catch_up(draft: Draft) -> None:
    """Make the moves that are due; a session that ends closes the stays that are open."""
    session = draft.session
    if session.next_transition_at is None:
        return
    waits = session.may_wait(draft.now)
    if not (session.is_overdue(draft.now) or waits):
        return
    # Nobody keeps a session going whom only their own page reports.
    inside = MeetingAttendance.filter(session_id=session.id, joined_since_ms__isnull=False)
    advance(draft, await inside.count() if waits else 0)
    if session.ended_at == draft.now:
        await close_stays(draft)


async def close_stays(draft: Draft) -> None:
    """No stay is open in a session that is over."""
    if draft.session.ended_at is None:
        return
    inside = MeetingAttendance.unsettled([draft.session.id])
    rows = await inside.select_related("participant")
    if rows:
        await refold(draft, [row.participant.user_id for row in rows])


def begin(draft: Draft, states: Iterable[AttendanceState]) -> None:
    """The first join of anybody begins a session; that somebody's page reports one does not."""
    came = any(state.has_joined for state in states)
    if came and draft.session.status is SessionStatus.READY:
        move_to(draft, SessionStatus.ONGOING, Because(TransitionCause.FIRST_JOIN))
