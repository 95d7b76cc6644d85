"""Overrides: the status that a manager of the session gives instead of the computed one."""

from dataclasses import dataclass, replace
from datetime import datetime

from actions.attendance.final_result import move_by_attendance
from actions.attendance.folding import refold
from actions.attendance.lines import append_line, new_line
from actions.writing.draft import Draft
from actions.writing.stream import writing
from domain.access import Permit, Viewer
from domain.attendance.fold import AttendanceStatus, EventKind, EventSource, Override
from domain.attendance.state import AttendanceState
from domain.errors import InvalidInputError, NotFoundError, WrongStatusError
from domain.status import SessionStatus
from domain.text import cleaned
from models import MeetingAttendanceEvent, Session, SessionParticipant
from models.reading.rosters import read_states

NOTE_MAX_CHARS = 2000


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
    """Override the status of an expected person, at any time. Safe to repeat.

    Raise WRONG_STATUS for a cancelled session, INVALID_INPUT for a person who was not expected.
    """
    wish = replace(wish, note=cleaned(wish.note, NOTE_MAX_CHARS, "note"))
    await Session.fetch_for(viewer, session_id, Permit.MANAGE)
    async with writing(session_id, now) as draft:
        if draft.session.status is SessionStatus.CANCELLED:
            raise WrongStatusError("The session is cancelled: nobody attends it.")
        state = await _state(draft, user_id)
        if not state.is_expected:
            raise InvalidInputError("Nobody expected them, so they have no status.", ("userId",))
        if wish.is_said_by(state.result.override):
            return state
        values = {"override_status": wish.status, "note": wish.note}
        return await _record_override(draft, viewer, user_id, EventKind.OVERRIDE, **values)


async def withdraw_attendance_override(
    viewer: Viewer, session_id: int, user_id: int, now: datetime
) -> AttendanceState:
    """Let the computed status count again, in any session. Safe to repeat."""
    await Session.fetch_for(viewer, session_id, Permit.MANAGE)
    async with writing(session_id, now) as draft:
        state = await _state(draft, user_id)
        if state.result.override is None:
            return state
        return await _record_override(draft, viewer, user_id, EventKind.OVERRIDE_WITHDRAWN)


async def _state(draft: Draft, user_id: int) -> AttendanceState:
    row = await SessionParticipant.get_or_none(session_id=draft.session.id, user_id=user_id)
    if row is None:
        raise NotFoundError("Nobody of this session.", ("userId",))
    return (await read_states([row]))[0]


async def _record_override(
    draft: Draft, viewer: Viewer, user_id: int, kind: EventKind, **values: str
) -> AttendanceState:
    earlier = MeetingAttendanceEvent.filter(
        session_id=draft.session.id, user_id=user_id, source=EventSource.PERSON
    )
    last = await earlier.order_by("-occurred_ms").first()
    line = new_line(draft, kind, EventSource.PERSON, user_id, actor_id=viewer.user_id, **values)
    if last is not None:  # this one counts, even if the clock went backwards
        line.occurred_ms = max(line.occurred_ms, last.occurred_ms + 1)
    await append_line(line)
    states = await refold(draft, [user_id])
    move_by_attendance(draft, states)
    return states[0]
