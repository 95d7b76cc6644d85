"""Overrides: the status that a manager of the session gives instead of the computed one."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from actions.attendance.final_result import move_by_attendance
from actions.attendance.folding import refold
from actions.attendance.lines import append_line, new_line
from actions.writing.bulk import Refusals, check_count
from actions.writing.draft import Draft
from actions.writing.stream import managing
from domain.access import Viewer
from domain.attendance.fold import AttendanceStatus, EventKind, EventSource, Override
from domain.attendance.state import AttendanceState
from domain.errors import InvalidInputError, NotFoundError, WrongStatusError
from domain.status import SessionStatus
from domain.text import cleaned
from models import MeetingAttendanceEvent, SessionParticipant
from models.reading.rosters import read_states

NOTE_MAX_CHARS = 2000
EXCUSED = AttendanceStatus.EXCUSED


@dataclass(frozen=True, slots=True)
class Wish:
    """The override that the viewer asks for."""

    status: AttendanceStatus
    note: str

    def is_said_by(self, override: Override | None) -> bool:
        return override is not None and (self.status, self.note) == (override.status, override.note)


async def override_attendance(
    viewer: Viewer, session_id: int, user_id: int, wish: Wish, now: datetime
) -> AttendanceState:
    """Override the status of an expected person; before the class only to EXCUSED.

    Safe to repeat. Raise WRONG_STATUS for a cancelled session and for another status before the
    class, INVALID_INPUT for a person who was not expected.
    """
    wish = replace(wish, note=cleaned(wish.note, NOTE_MAX_CHARS, "note"))
    async with managing(viewer, session_id, now) as draft:
        _check_time(draft, wish)
        states = await _states(draft, [user_id])
        _check_expected(states.get(user_id), "userId")
        return (await _override(draft, viewer, states, wish))[user_id]


async def override_attendances(
    viewer: Viewer, session_id: int, user_ids: list[int], wish: Wish, now: datetime
) -> list[AttendanceState]:
    """Override the status of many people of one session, or raise RefusedError.

    Return each person once, in the order given. Safe to repeat.
    """
    check_count(len(user_ids), "people")
    wish = replace(wish, note=cleaned(wish.note, NOTE_MAX_CHARS, "note"))
    refusals = Refusals()
    async with managing(viewer, session_id, now) as draft:
        _check_time(draft, wish)
        states = await _states(draft, user_ids)
        for user_id in dict.fromkeys(user_ids):
            with refusals.under(user_ids.index(user_id)):
                _check_expected(states.get(user_id))
        refusals.check()
        overridden = await _override(draft, viewer, states, wish)
        return [overridden[user_id] for user_id in dict.fromkeys(user_ids)]


async def withdraw_attendance_override(
    viewer: Viewer, session_id: int, user_id: int, now: datetime
) -> AttendanceState:
    """Let the computed status count again, in any session. Safe to repeat."""
    async with managing(viewer, session_id, now) as draft:
        state = (await _states(draft, [user_id])).get(user_id)
        if state is None:
            raise NotFoundError("Nobody of this session.", ("userId",))
        if state.result.override is None:
            return state
        return (await _record(draft, viewer, [user_id], EventKind.OVERRIDE_WITHDRAWN))[user_id]


def _check_time(draft: Draft, wish: Wish) -> None:
    """Refuse a cancelled session, and a judgement of a class that has not begun."""
    session = draft.session
    if session.status is SessionStatus.CANCELLED:
        raise WrongStatusError("The session is cancelled: nobody attends it.")
    is_ahead = session.status in (SessionStatus.SCHEDULED, SessionStatus.READY)
    if is_ahead and draft.now < session.scheduled_at and wish.status is not EXCUSED:
        raise WrongStatusError("The class has not begun: until then people can only be EXCUSED.")


def _check_expected(state: AttendanceState | None, *field: str) -> None:
    if state is None:
        raise NotFoundError("Nobody of this session.", field)
    if not state.is_expected:
        raise InvalidInputError("Nobody expected them, so they have no status.", field)


async def _states(draft: Draft, user_ids: Iterable[int]) -> dict[int, AttendanceState]:
    rows = SessionParticipant.filter(session_id=draft.session.id, user_id__in=list(user_ids))
    return {state.user_id: state for state in await read_states(await rows)}


async def _override(
    draft: Draft, viewer: Viewer, states: dict[int, AttendanceState], wish: Wish
) -> dict[int, AttendanceState]:
    """Override these people's statuses, and return their states; who has it already keeps it."""
    values = {"override_status": wish.status, "note": wish.note}
    changed = [user for user, one in states.items() if not wish.is_said_by(one.result.override)]
    return states | await _record(draft, viewer, changed, EventKind.OVERRIDE, **values)


async def _record(
    draft: Draft, viewer: Viewer, user_ids: list[int], kind: EventKind, **values: str
) -> dict[int, AttendanceState]:
    """Append a line for each person, fold them again, and return their states."""
    earlier = MeetingAttendanceEvent.filter(
        session_id=draft.session.id, user_id__in=user_ids, source=EventSource.PERSON
    )
    told = await earlier.order_by("occurred_ms").values_list("user_id", "occurred_ms")
    last_ms: dict[int, int] = dict(told)
    for user_id in user_ids:
        line = new_line(draft, kind, EventSource.PERSON, user_id, actor_id=viewer.user_id, **values)
        # This one counts, even if the clock went backwards.
        line.occurred_ms = max(line.occurred_ms, last_ms.get(user_id, 0) + 1)
        await append_line(line)
    states = await refold(draft, user_ids)
    move_by_attendance(draft, states)
    return {state.user_id: state for state in states}
