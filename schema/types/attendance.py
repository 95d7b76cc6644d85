from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from operator import attrgetter
from typing import TYPE_CHECKING, Annotated, Self, TypeVar

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
from domain.attendance.state import AttendanceState, Window, statistics, to_ms
from domain.limits import moment_at, seconds_in
from models.reading.attendance_log import window_of
from models.reading.pages import BY_ID, Slice
from schema.types.context import Info
from schema.types.evidence import AttendanceEvent
from schema.types.fields import at_hand, worked_out
from schema.types.given import given
from schema.types.ids import Kind, encode
from schema.types.node import Node
from schema.types.pages import Connection
from schema.types.user import User

if TYPE_CHECKING:
    from schema.types.session import Session

T = TypeVar("T")


def _moment(ms: int | None) -> datetime | None:
    return None if ms is None else moment_at(ms)


def _open_since(cycles: tuple[Cycle, ...]) -> datetime | None:
    """Return the start of the open cycle, which can only be the last."""
    last = cycles[-1] if cycles else None
    return moment_at(last.joined_ms) if last and last.left_ms is None else None


@dataclass(eq=False)
class Reckoning:
    """The moment and the session that times are counted by, the same for all rows of an answer."""

    session: models.Session
    now: datetime

    @cached_property
    def as_of_ms(self) -> int:
        return to_ms(self.now)

    @cached_property
    def window(self) -> Window:
        return window_of(self.session)


@strawberry.type
class AttendanceCycle:
    cycle: strawberry.Private[Cycle]
    as_of_ms: strawberry.Private[int]
    joined_at: datetime = worked_out(lambda told: moment_at(told.cycle.joined_ms))
    left_at: datetime | None = worked_out(lambda told: _moment(told.cycle.left_ms))
    duration_seconds: int = worked_out(lambda told: told.seconds())
    opened_by: CycleStart = worked_out(attrgetter("cycle.opened_by"))
    closed_by: CycleEnd | None = worked_out(attrgetter("cycle.closed_by"))
    confidence: Confidence = worked_out(attrgetter("cycle.confidence"))

    def seconds(self) -> int:
        end_ms = self.as_of_ms if self.cycle.left_ms is None else self.cycle.left_ms
        return seconds_in(max(0, end_ms - self.cycle.joined_ms))


@strawberry.type
class AttendanceOverride:
    by_id: strawberry.Private[int]
    status: AttendanceStatus
    note: str
    at: datetime

    @classmethod
    def of(cls, override: Override | None) -> Self | None:
        if override is None:
            return None
        return cls(
            by_id=override.by_id,
            status=override.status,
            note=override.note,
            at=moment_at(override.at_ms),
        )

    @strawberry.field
    async def by(self, info: Info) -> User:
        return User.of(await info.context.loaders.users.load(self.by_id))


@strawberry.type
class Attendance(Node):
    state: strawberry.Private[AttendanceState]
    reckoning: strawberry.Private[Reckoning]
    person: strawberry.Private[models.User | None]
    id: strawberry.ID = worked_out(lambda row: encode(Kind.ATTENDANCE, row.state.participant_id))
    role: UserRole = worked_out(attrgetter("state.role"))
    is_expected: bool = worked_out(attrgetter("state.is_expected"))
    is_barred: bool = worked_out(attrgetter("state.is_barred"))
    presence: Presence = worked_out(attrgetter("state.result.presence"))
    joined_since: datetime | None = worked_out(lambda row: _open_since(row.state.result.cycles))
    status: AttendanceStatus | None = worked_out(attrgetter("state.result.status"))
    is_final: bool = worked_out(attrgetter("state.is_final"))
    first_joined_at: datetime | None = worked_out(
        lambda row: _moment(row.state.result.first_joined_ms)
    )
    last_left_at: datetime | None = worked_out(lambda row: _moment(row.state.result.last_left_ms))
    late_by_seconds: int = worked_out(lambda row: row.seconds(row.state.late_by_ms))
    total_seconds: int = worked_out(lambda row: row.seconds(row.state.total_ms))
    percentage: float = worked_out(lambda row: row.reckoned(row.state.percentage))
    at_least_seconds: int = worked_out(lambda row: row.seconds(row.state.at_least_ms))
    at_most_seconds: int = worked_out(lambda row: row.seconds(row.state.at_most_ms))
    needs_review: bool = worked_out(attrgetter("state.result.needs_review"))
    join_count: int = worked_out(attrgetter("state.result.join_count"))
    leave_count: int = worked_out(attrgetter("state.result.leave_count"))
    confidence: Confidence = worked_out(attrgetter("state.result.confidence"))
    override: AttendanceOverride | None = worked_out(
        lambda row: AttendanceOverride.of(row.state.result.override)
    )
    calculated_at: datetime | None = worked_out(lambda row: _moment(row.state.calculated_ms))
    cycles: list[AttendanceCycle] = worked_out(
        lambda row: [
            AttendanceCycle(cycle=cycle, as_of_ms=row.reckoning.as_of_ms)
            for cycle in row.state.result.cycles
        ]
    )

    @classmethod
    def of(
        cls,
        state: AttendanceState,
        session: models.Session,
        now: datetime,
        person: models.User | None = None,
    ) -> Self:
        """Show the state as it is now; `person` spares reading the user."""
        return cls(state=state, reckoning=Reckoning(session, now), person=person)

    def reckoned(self, count: Callable[[Window, int], T]) -> T:
        """Return what the state counts for its session until the moment of the answer."""
        return count(self.reckoning.window, self.reckoning.as_of_ms)

    def seconds(self, count_ms: Callable[[Window, int], int]) -> int:
        return seconds_in(self.reckoned(count_ms))

    @strawberry.field
    async def session(
        self, info: Info
    ) -> Annotated["Session", strawberry.lazy("schema.types.session")]:
        return await info.context.session(self.state.session_id)

    @at_hand(lambda row: User.of(row.person) if row.person else None)
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
    def of(cls, states: Iterable[AttendanceState], reckoning: Reckoning) -> Self:
        numbers = statistics(states, reckoning.window, reckoning.as_of_ms)
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
