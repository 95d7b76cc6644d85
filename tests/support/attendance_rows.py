"""Attendance as it is stored, read back for a test to compare."""

import json
from datetime import datetime
from typing import Any

from domain.attendance.fold import CycleEnd, CycleStart, Presence, Result
from domain.attendance.state import AttendanceState, to_ms
from models import MeetingAttendance, SessionEvent, SessionParticipant, User
from models.attendance_json import result_to_json
from models.reading.rosters import read_rosters

Visit = tuple[int, int | None, CycleStart, CycleEnd | None]


async def states(session_id: int) -> dict[int, AttendanceState]:
    """The roster by user."""
    return {state.user_id: state for state in (await read_rosters([session_id]))[session_id]}


async def state(session_id: int, user: User) -> AttendanceState:
    return (await states(session_id))[user.id]


async def store(row: SessionParticipant, **values: Any) -> None:
    """Store the row that the fold would have made of somebody who is inside."""
    inside = result_to_json(Result(presence=Presence.IN_MEETING, join_count=1))
    known = {"participant_id": row.id, "session_id": row.session_id}
    await MeetingAttendance.create(**inside | known | values)


def visits(state: AttendanceState, start: datetime) -> list[Visit]:
    """Starts and ends in ms after `start`, and what caused them."""
    base = to_ms(start)
    return [
        (
            cycle.joined_ms - base,
            None if cycle.left_ms is None else cycle.left_ms - base,
            cycle.opened_by,
            cycle.closed_by,
        )
        for cycle in state.result.cycles
    ]


async def as_text() -> str:
    """Every row of meeting_attendances, all columns, in order."""
    rows = await MeetingAttendance.all().order_by("participant_id").values()
    return "\n".join(json.dumps(row, sort_keys=True) for row in rows)


async def stream(session_id: int) -> list[SessionEvent]:
    """The session's events; their numbers are checked to be 1, 2, 3 …"""
    events = await SessionEvent.filter(session_id=session_id).order_by("sequence")
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    return events


async def told(session_id: int, after: int = 0) -> list[tuple[str, dict[str, Any]]]:
    """Kind and payload of each event after a version."""
    return [(event.kind.value, event.payload) for event in (await stream(session_id))[after:]]
