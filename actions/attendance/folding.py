"""Attendance is folded from its log whenever a line is added, in the same transaction."""

from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from tortoise.expressions import Q

from actions.attendance.watches import watch
from actions.draft import Draft
from actions.moves import Because, advance, move_to
from actions.roster import tell
from actions.stream import writing
from domain.access import Permit, Viewer
from domain.attendance import (
    AttendanceStatus,
    Facts,
    Line,
    Policy,
    Result,
    fold,
)
from domain.presence import AttendanceState, cycle_to_dict, result_fields, to_ms
from domain.session import SessionFormat
from domain.status import SessionStatus, TransitionCause
from models import MeetingAttendance, MeetingAttendanceEvent, Session, SessionParticipant
from models.rosters import rosters, state_of

Lines = dict[int | None, list[Line]]

_LINE_FIELDS = tuple(Line.__slots__)
_CACHED = ["session_id", *Result.__slots__, "calculated_ms"]


async def refold(draft: Draft, user_ids: list[int] | None = None) -> list[AttendanceState]:
    """Fold the log again for some people or for everybody, and tell what changed.

    Who has no line has no row either, until the result is final. The states as they are now.
    """
    rows = await _participants(draft.session.id, user_ids)
    lines = await lines_of(draft.session.id, user_ids)
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
    told = replace(state, open_sids=())
    return told if state.is_final else replace(told, calculated_ms=None)


def _opens(old: AttendanceState, new: AttendanceState) -> bool:
    return bool(set(new.open_sids) - set(old.open_sids))


async def _participants(session_id: int, user_ids: list[int] | None) -> list[SessionParticipant]:
    rows = SessionParticipant.filter(session_id=session_id).order_by("id")
    return await (rows if user_ids is None else rows.filter(user_id__in=user_ids))


async def lines_of(session_id: int, user_ids: list[int] | None) -> Lines:
    """The lines of these people by person, and under None those about the room."""
    log = MeetingAttendanceEvent.filter(session_id=session_id).order_by("id")
    if user_ids is not None:
        log = log.filter(Q(user_id__in=user_ids) | Q(user_id__isnull=True))
    grouped: Lines = defaultdict(list)
    for row in await log:
        grouped[row.user_id].append(line_of(row))
    return grouped


def line_of(row: MeetingAttendanceEvent) -> Line:
    return Line(**{name: getattr(row, name) for name in _LINE_FIELDS})


def is_folded(session: Session, row: MeetingAttendanceEvent) -> bool:
    """Whether the line is near enough to its session to count; one that is not is only kept."""
    return facts_of(session, is_expected=False).is_near(line_of(row))


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
        **result_fields(fold(own + rooms, facts)),
    )


def facts_of(session: Session, *, is_expected: bool) -> Facts:
    return Facts(
        scheduled_ms=to_ms(session.scheduled_at),
        ends_ms=to_ms(session.ends_at),
        ended_ms=to_ms(session.ended_at) if session.ended_at else None,
        is_final=session.finalised_at is not None,
        is_expected=is_expected,
        was_joinable=session.was_joinable,
        policy=Policy(**session.attendance_policy),
    )


async def _store(states: list[AttendanceState]) -> None:
    """Write the cache of these states anew."""
    rows = [MeetingAttendance(**_row(state)) for state in states if state.calculated_ms is not None]
    if rows:
        await MeetingAttendance.bulk_create(
            rows, on_conflict=["participant_id"], update_fields=_CACHED, batch_size=500
        )


def _row(state: AttendanceState) -> dict[str, Any]:
    values = {name: getattr(state, name) for name in _CACHED}
    return values | {
        "participant_id": state.participant_id,
        "cycles": [cycle_to_dict(cycle) for cycle in state.cycles],
        "override": state.override.to_dict() if state.override else None,
        "open_sids": list(state.open_sids),
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


async def finalise(session_id: int, now: datetime) -> None:
    """The final result, once: statuses for those expected; an absent student's session ABSENT."""
    async with writing(session_id, now) as draft:
        session = draft.session
        if session.status is not SessionStatus.COMPLETED or session.finalised_at is not None:
            return
        draft.change(finalised_at=now)
        settle(draft, await refold(draft))


async def recalculate_for(viewer: Viewer, session_id: int, now: datetime) -> Session:
    """For those who manage it: it puts right what was wrong, and invents nothing."""
    await Session.fetch_for(viewer, session_id, Permit.MANAGE)
    await recalculate(session_id, now)
    return await Session.get(id=session_id)


class _TrialError(Exception):
    """Undoes what was only tried."""


@dataclass(frozen=True, slots=True)
class Repair:
    """How many rows were wrong or missing, and how many facts that tells."""

    rows: int = 0
    facts: int = 0


async def recalculate(session_id: int, now: datetime, *, is_trial: bool = False) -> Repair:
    """The whole session from its log. Changes nothing unless a row was wrong or missing.

    What it changed; of a trial, what it would change.
    """
    repair = Repair()
    with suppress(_TrialError):
        async with writing(session_id, now) as draft:
            before = (await rosters([session_id]))[session_id]
            after = await refold(draft)
            settle(draft, after)
            wrong = sum(new != old for old, new in zip(before, after, strict=True))
            repair = Repair(wrong, len(draft.events))
            if is_trial:
                raise _TrialError
    return repair


def settle(draft: Draft, states: list[AttendanceState]) -> None:
    """A private lesson whose student never came, though they could have, is ABSENT; and back."""
    session = draft.session
    if session.finalised_at is None or session.format is not SessionFormat.INDIVIDUAL:
        return
    for state in states:
        if state.user_id == session.student_id:
            is_absent = state.status is AttendanceStatus.ABSENT and not state.has_joined
            is_absent = is_absent and session.was_joinable  # an override can say it of any session
            to = SessionStatus.ABSENT if is_absent else SessionStatus.COMPLETED
            if session.status is not to:
                move_to(draft, to, Because(TransitionCause.ATTENDANCE))
