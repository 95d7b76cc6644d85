from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cached_property
from operator import attrgetter
from types import MappingProxyType
from typing import Self

import strawberry

import models
from domain.attendance.state import AttendanceState
from domain.cursors import Place, stream_cursor
from domain.event import SessionEventKind
from schema.types.attendance import Attendance, AttendanceStatistics, Reckoning
from schema.types.fields import worked_out
from schema.types.ids import Kind, encode
from schema.types.session import Session
from schema.types.session_kinds import session_of
from schema.types.shared import Shared

People = Mapping[int, models.User]  # by id; a resolver reads those that are not in it
NOBODY: People = MappingProxyType({})
Row = tuple[AttendanceState, models.User | None]


@strawberry.interface
class PresenceEvent:
    """Keeps what it tells as it was when the event was made; the fields are worked out of that."""

    place: strawberry.Private[Place]
    reckoning: strawberry.Private[Reckoning]
    rows: strawberry.Private[tuple[Row, ...]]
    roster: strawberry.Private[tuple[AttendanceState, ...]]
    shared: strawberry.Private[Shared | None] = None
    cursor: str = worked_out(lambda event: stream_cursor(event.reckoning.session.id, *event.place))
    version: int = worked_out(attrgetter("place.version"))
    as_of: datetime = worked_out(attrgetter("reckoning.now"))

    def shown(self) -> list[Attendance]:
        return [
            Attendance(state=state, reckoning=self.reckoning, person=person)
            for state, person in self.rows
        ]

    @cached_property
    def counted(self) -> AttendanceStatistics:
        """Count once: a document may ask by many names, and the roster is long."""
        return AttendanceStatistics.of(self.roster, self.reckoning)


@strawberry.type
class PresenceSnapshot(PresenceEvent):
    session: Session = worked_out(lambda event: session_of(event.reckoning.session))
    attendances: list[Attendance] = worked_out(lambda event: event.shown())
    statistics: AttendanceStatistics = worked_out(attrgetter("counted"))

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
            place=Place(session.version, session.version_mark),
            reckoning=Reckoning(session, now),
            rows=tuple((state, people.get(state.user_id)) for state in states),
            roster=tuple(states),
            shared=shared,
        )


@strawberry.type
class PresenceChanges(PresenceEvent):
    removed: strawberry.Private[tuple[int, ...]]
    from_version: int
    changes: list[Attendance] = worked_out(lambda event: event.shown())
    removed_ids: list[strawberry.ID] = worked_out(
        lambda event: [encode(Kind.ATTENDANCE, number) for number in event.removed]
    )
    statistics: AttendanceStatistics = worked_out(attrgetter("counted"))

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
        rows, removed = [], []
        for number, event in {event.payload["participant_id"]: event for event in events}.items():
            if event.kind is SessionEventKind.PRESENCE_REMOVED:
                removed.append(number)
            else:
                rows.append((event.state, people.get(event.state.user_id)))
        return cls(
            place=place,
            reckoning=Reckoning(session, now),
            rows=tuple(rows),
            roster=tuple(roster),
            removed=tuple(removed),
            from_version=from_version,
            shared=shared,
        )


@strawberry.type
class AttendanceUpdate:
    cursor: str
    version: int
    as_of: datetime
    attendance: Attendance
    shared: strawberry.Private[Shared | None] = None
