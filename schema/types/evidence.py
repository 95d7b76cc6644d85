from datetime import datetime
from typing import Self

import strawberry

import models
from domain.attendance.fold import EventKind, EventSource
from domain.limits import moment_at


@strawberry.type
class AttendanceEvent:
    id: strawberry.ID
    kind: EventKind
    source: EventSource
    participant_sid: str | None
    occurred_at: datetime
    received_at: datetime
    disconnect_reason: str | None

    @classmethod
    def of(cls, row: models.MeetingAttendanceEvent) -> Self:
        return cls(
            id=strawberry.ID(row.source_id),
            kind=row.kind,
            source=row.source,
            participant_sid=row.participant_sid,
            occurred_at=moment_at(row.occurred_ms),
            received_at=moment_at(row.received_ms),
            disconnect_reason=row.disconnect_reason,
        )
