from collections.abc import Iterable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Self

import strawberry

import models
from domain.attendance.state import AttendanceState
from domain.cursors import Place, stream_cursor
from domain.event import SessionEventKind
from models.attendance_json import state_from_json
from schema.types.attendance import Attendance, AttendanceStatistics
from schema.types.ids import Kind, encode
from schema.types.session import Session
from schema.types.session_kinds import session_of
from schema.types.shared import Shared

People = Mapping[int, models.User]  # by id; a resolver reads those that are not in it
NOBODY: People = MappingProxyType({})


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

    @classmethod
    def of(
        cls,
        roster: Iterable[AttendanceState],
        session: models.Session,
        now: datetime,
        people: People = NOBODY,
        shared: Shared | None = None,
    ) -> Self:
        """Show the whole roster, in the order in which people were added."""
        states = sorted(roster, key=lambda state: state.participant_id)
        return cls(
            cursor=stream_cursor(session.id, session.version, session.version_mark),
            version=session.version,
            as_of=now,
            session=session_of(session),
            attendances=[
                Attendance.of(state, session, now, people.get(state.user_id)) for state in states
            ],
            statistics=AttendanceStatistics.of(states, session, now),
            shared=shared,
        )


@strawberry.type
class PresenceChanges(PresenceEvent):
    from_version: int
    changes: list[Attendance]
    removed_ids: list[strawberry.ID]
    statistics: AttendanceStatistics

    @classmethod
    def of(
        cls,
        events: Iterable[models.SessionEvent],
        from_version: int,
        place: Place,
        roster: Iterable[AttendanceState],
        session: models.Session,
        now: datetime,
        people: People = NOBODY,
        shared: Shared | None = None,
    ) -> Self:
        """Show the latest state of each row that these events of presence changed or removed."""
        last = {row.payload["participant_id"]: row for row in events}
        changes, removed_ids = [], []
        for number, row in last.items():
            if row.kind is SessionEventKind.PRESENCE_REMOVED:
                removed_ids.append(encode(Kind.ATTENDANCE, number))
            else:
                state = state_from_json(row.payload)
                person = people.get(state.user_id)
                changes.append(Attendance.of(state, session, now, person))
        return cls(
            cursor=stream_cursor(session.id, *place),
            version=place.version,
            as_of=now,
            from_version=from_version,
            changes=changes,
            removed_ids=removed_ids,
            statistics=AttendanceStatistics.of(roster, session, now),
            shared=shared,
        )


@strawberry.type
class AttendanceUpdate:
    cursor: str
    version: int
    as_of: datetime
    attendance: Attendance
    shared: strawberry.Private[Shared | None] = None
