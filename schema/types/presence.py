from datetime import datetime

import strawberry

from schema.types.attendance import Attendance, AttendanceStatistics
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
