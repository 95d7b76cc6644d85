from collections.abc import Iterable
from datetime import datetime

import strawberry

import models
from domain.attendance.state import AttendanceState
from domain.event import SessionEventKind
from models.attendance_json import state_from_json
from schema.types.attendance import Attendance, AttendanceStatistics
from schema.types.ids import Kind, encode
from schema.types.session import Session
from schema.types.shared import Shared


@strawberry.interface
class PresenceEvent:
    cursor: str
    version: int
    as_of: datetime
    shared: strawberry.Private[Shared | None] = None


@strawberry.type
class PresenceSnapshot(PresenceEvent):
    session: Session
    attendances: list[Attendance]
    statistics: AttendanceStatistics


@strawberry.type
class PresenceChanges(PresenceEvent):
    from_version: int
    changes: list[Attendance]
    removed_ids: list[strawberry.ID]
    statistics: AttendanceStatistics


@strawberry.type
class AttendanceUpdate:
    cursor: str
    version: int
    as_of: datetime
    attendance: Attendance
    shared: strawberry.Private[Shared | None] = None


def latest_states(
    events: Iterable[models.SessionEvent],
) -> tuple[list[AttendanceState], list[strawberry.ID]]:
    """Return the last state of each row that the events changed, and the ids of removed rows."""
    last = {row.payload["participant_id"]: row for row in events}
    states = [
        state_from_json(row.payload)
        for row in last.values()
        if row.kind is SessionEventKind.PRESENCE_CHANGED
    ]
    present = {state.participant_id for state in states}
    return states, [encode(Kind.ATTENDANCE, number) for number in last if number not in present]
