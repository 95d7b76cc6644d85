"""What those who manage a session say of an attendance, instead of what was computed."""

from dataclasses import dataclass, replace
from datetime import datetime

from actions.attendance.final_result import settle
from actions.attendance.folding import refold
from actions.attendance.lines import own_line, write_line
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

LONGEST_NOTE = 2000


@dataclass(frozen=True, slots=True)
class Wish:
    status: AttendanceStatus
    note: str

    def is_said_by(self, override: Override | None) -> bool:
        return override is not None and (self.status, self.note) == (override.status, override.note)


async def override_attendance(
    viewer: Viewer, session_id: int, user_id: int, wish: Wish, now: datetime
) -> AttendanceState:
    """Of somebody who is expected, at any time. What is said already is not said again.

    WRONG_STATUS for a session that is cancelled.
    """
    wish = replace(wish, note=cleaned(wish.note, LONGEST_NOTE, "note"))
    await Session.fetch_for(viewer, session_id, Permit.MANAGE)
    async with writing(session_id, now) as draft:
        if draft.session.status is SessionStatus.CANCELLED:
            raise WrongStatusError("The session is cancelled: nobody attends it.")
        state = await _state(draft, user_id)
        if not state.is_expected:
            raise InvalidInputError("Nobody expected them, so they have no status.", ("userId",))
        if wish.is_said_by(state.result.override):
            return state
        said = {"override_status": wish.status, "note": wish.note}
        return await _say(draft, viewer, user_id, EventKind.OVERRIDE, **said)


async def withdraw_attendance_override(
    viewer: Viewer, session_id: int, user_id: int, now: datetime
) -> AttendanceState:
    """What was computed counts again, in any session. Where nothing is, nothing changes."""
    await Session.fetch_for(viewer, session_id, Permit.MANAGE)
    async with writing(session_id, now) as draft:
        state = await _state(draft, user_id)
        if state.result.override is None:
            return state
        return await _say(draft, viewer, user_id, EventKind.OVERRIDE_WITHDRAWN)


async def _state(draft: Draft, user_id: int) -> AttendanceState:
    row = await SessionParticipant.get_or_none(session_id=draft.session.id, user_id=user_id)
    if row is None:
        raise NotFoundError("Nobody of this session.", ("userId",))
    return (await read_states([row]))[0]


async def _say(
    draft: Draft, viewer: Viewer, user_id: int, kind: EventKind, **said: str
) -> AttendanceState:
    line = own_line(draft, kind, EventSource.PERSON, user_id, actor_id=viewer.user_id, **said)
    line.occurred_ms = max(line.occurred_ms, await _after_last(draft, user_id))
    await write_line(line)
    states = await refold(draft, [user_id])
    settle(draft, states)
    return states[0]


async def _after_last(draft: Draft, user_id: int) -> int:
    """The latest counts, and it is the one that is said last, by whatever clock."""
    said = MeetingAttendanceEvent.filter(
        session_id=draft.session.id, user_id=user_id, source=EventSource.PERSON
    )
    last = await said.order_by("-occurred_ms").first()
    return last.occurred_ms + 1 if last else 0
