from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Self

import strawberry

import models
from domain.access import UserRole
from domain.attendance.fold import (
    AttendanceStatus,
    Confidence,
    Cycle,
    CycleEnd,
    CycleStart,
    Override,
    Presence,
)
from domain.attendance.state import AttendanceState, statistics, to_ms
from domain.limits import moment_at, seconds_in
from models.reading.attendance_log import window_of
from models.reading.pages import BY_ID, Slice
from schema.types.context import Info
from schema.types.evidence import AttendanceEvent
from schema.types.given import given
from schema.types.ids import Kind, encode
from schema.types.node import Node
from schema.types.pages import Connection
from schema.types.user import User

if TYPE_CHECKING:
    from schema.types.session import Session


def _moment(ms: int | None) -> datetime | None:
    return None if ms is None else moment_at(ms)


@strawberry.type
class AttendanceCycle:
    joined_at: datetime
    left_at: datetime | None
    duration_seconds: int
    opened_by: CycleStart
    closed_by: CycleEnd | None
    confidence: Confidence

    @classmethod
    def of(cls, cycle: Cycle, as_of_ms: int) -> Self:
        end_ms = as_of_ms if cycle.left_ms is None else cycle.left_ms
        return cls(
            joined_at=moment_at(cycle.joined_ms),
            left_at=_moment(cycle.left_ms),
            duration_seconds=seconds_in(max(0, end_ms - cycle.joined_ms)),
            opened_by=cycle.opened_by,
            closed_by=cycle.closed_by,
            confidence=cycle.confidence,
        )


@strawberry.type
class AttendanceOverride:
    by_id: strawberry.Private[int]
    status: AttendanceStatus
    note: str
    at: datetime

    @classmethod
    def of(cls, override: Override) -> Self:
        return cls(
            by_id=override.by_id,
            status=override.status,
            note=override.note,
            at=moment_at(override.at_ms),
        )

    @strawberry.field
    async def by(self, info: Info) -> User:
        return User.of(await info.context.loaders.users.load(self.by_id))


_STATE_FIELDS = ("role", "is_expected", "is_barred", "is_final")
_RESULT_FIELDS = ("presence", "status", "join_count", "leave_count", "confidence", "needs_review")


@strawberry.type
class Attendance(Node):
    state: strawberry.Private[AttendanceState]
    as_of_ms: strawberry.Private[int]
    person: strawberry.Private[models.User | None]
    role: UserRole
    is_expected: bool
    is_barred: bool
    presence: Presence
    joined_since: datetime | None
    status: AttendanceStatus | None
    is_final: bool
    first_joined_at: datetime | None
    last_left_at: datetime | None
    late_by_seconds: int
    total_seconds: int
    percentage: float
    at_least_seconds: int
    at_most_seconds: int
    needs_review: bool
    join_count: int
    leave_count: int
    confidence: Confidence
    override: AttendanceOverride | None
    calculated_at: datetime | None

    @classmethod
    def of(
        cls,
        state: AttendanceState,
        session: models.Session,
        now: datetime,
        person: models.User | None = None,
    ) -> Self:
        """Show the state as it is now; `person` spares reading the user."""
        window, as_of_ms = window_of(session), to_ms(now)
        result = state.result
        last = result.cycles[-1] if result.cycles else None  # only the last can be open
        return cls(
            id=encode(Kind.ATTENDANCE, state.participant_id),
            state=state,
            as_of_ms=as_of_ms,
            person=person,
            joined_since=_moment(last.joined_ms if last and last.left_ms is None else None),
            first_joined_at=_moment(result.first_joined_ms),
            last_left_at=_moment(result.last_left_ms),
            late_by_seconds=seconds_in(state.late_by_ms(window, as_of_ms)),
            total_seconds=seconds_in(state.total_ms(window, as_of_ms)),
            at_least_seconds=seconds_in(state.at_least_ms(window, as_of_ms)),
            at_most_seconds=seconds_in(state.at_most_ms(window, as_of_ms)),
            percentage=state.percentage(window, as_of_ms),
            override=AttendanceOverride.of(result.override) if result.override else None,
            calculated_at=_moment(state.calculated_ms),
            **{name: getattr(state, name) for name in _STATE_FIELDS},
            **{name: getattr(result, name) for name in _RESULT_FIELDS},
        )

    @strawberry.field
    async def session(
        self, info: Info
    ) -> Annotated["Session", strawberry.lazy("schema.types.session")]:
        return await info.context.session(self.state.session_id)

    @strawberry.field
    async def user(self, info: Info) -> User:
        person = self.person or await info.context.loaders.users.load(self.state.user_id)
        return User.of(person)

    @strawberry.field
    async def events(
        self,
        info: Info,
        first: int | None = strawberry.UNSET,
        after: str | None = strawberry.UNSET,
    ) -> Connection[AttendanceEvent]:
        part = Slice.of(models.MeetingAttendanceEvent, given(first), given(after))
        found = await info.context.evidence(self.state, part)
        return Connection[AttendanceEvent].of(found, cursor=BY_ID.cursor, node=AttendanceEvent.of)

    @strawberry.field
    def cycles(self) -> list[AttendanceCycle]:
        return [AttendanceCycle.of(cycle, self.as_of_ms) for cycle in self.state.result.cycles]


@strawberry.type
class AttendanceStatistics:
    expected: int
    participants: int
    in_meeting: int
    expected_in_meeting: int
    present: int
    late: int
    partial: int
    absent: int
    excused: int
    average_percentage: float
    total_meeting_seconds: int

    @classmethod
    def of(cls, states: Iterable[AttendanceState], session: models.Session, now: datetime) -> Self:
        window = window_of(session)
        numbers = statistics(states, window, to_ms(now))
        return cls(
            expected=numbers.expected,
            participants=numbers.participants,
            in_meeting=numbers.in_meeting,
            expected_in_meeting=numbers.expected_in_meeting,
            present=numbers.present,
            late=numbers.late,
            partial=numbers.partial,
            absent=numbers.absent,
            excused=numbers.excused,
            average_percentage=numbers.average_percentage,
            total_meeting_seconds=seconds_in(numbers.total_ms),
        )
