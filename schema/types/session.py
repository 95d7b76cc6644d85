from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

import models
from domain.attendance.fold import AttendanceStatus, Presence
from domain.attendance.state import AttendanceState
from domain.session import SessionFormat, SessionKind
from domain.status import SessionStatus
from models.reading.meeting_time import joinable_from, opens_from
from models.reading.pages import Slice
from models.reading.stuck import stuck_for
from schema.types.academy import Academy
from schema.types.attendance import Attendance, AttendanceStatistics, Reckoning
from schema.types.context import Info
from schema.types.errors import UserError
from schema.types.given import given
from schema.types.group import Group
from schema.types.meeting import Meeting, MeetingRefusal
from schema.types.node import Node
from schema.types.pages import Connection, CountedConnection
from schema.types.session_parts import (
    KeptOpen,
    ScheduledTransition,
    SessionPermissions,
    SessionWarning,
    StuckInfo,
)
from schema.types.settings import AttendancePolicy
from schema.types.user import User

if TYPE_CHECKING:
    from schema.types.events import SessionEvent


@strawberry.interface
class Session(Node):
    row: strawberry.Private[models.Session]
    database_id: int
    external_id: str | None
    kind: SessionKind
    format: SessionFormat
    title: str
    notes: str | None
    status: SessionStatus
    scheduled_at: datetime
    duration_minutes: int
    ends_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    held_seconds: int | None
    next_transition: ScheduledTransition | None
    kept_open: KeptOpen | None
    cancellation_reason: str | None
    meeting: Meeting | None
    meeting_refusal: MeetingRefusal | None
    attendance_policy: AttendancePolicy
    version: int
    cursor: str
    created_at: datetime
    updated_at: datetime

    @strawberry.field
    async def academy(self, info: Info) -> Academy:
        return Academy.of(await info.context.loaders.academies.load(self.row.academy_id))

    @strawberry.field
    async def teacher(self, info: Info) -> User:
        return User.of(await info.context.loaders.users.load(self.row.teacher_id))

    @strawberry.field
    async def student(self, info: Info) -> User | None:
        if self.row.student_id is None:
            return None
        return User.of(await info.context.loaders.users.load(self.row.student_id))

    @strawberry.field
    async def group(self, info: Info) -> Group | None:
        if self.row.group_id is None:
            return None
        return Group.of(await info.context.loaders.groups.load(self.row.group_id))

    @strawberry.field
    async def joinable_from(self, info: Info) -> datetime | None:
        context, row = info.context, self.row
        if row.meeting_id or context.manages(row):
            return opens_from(row)  # without a statement
        academy = await context.loaders.academies.load(row.academy_id)
        settings = await context.loaders.video_settings.load(row.academy_id)
        gate = settings.gate(academy)
        return joinable_from(row, settings, gate, context.now, manages=False)

    @strawberry.field
    async def stuck(self, info: Info) -> StuckInfo | None:
        context = info.context
        signs = await context.loaders.signs.load(self.row.id)
        found = stuck_for(context.viewer, self.row, signs, context.now)
        return StuckInfo.of(found) if found else None

    @strawberry.field
    async def warnings(self, info: Info) -> list[SessionWarning]:
        found = await info.context.loaders.warnings.load(self.row)
        return [SessionWarning.of(one) for one in found]

    @strawberry.field
    async def present_count(self, info: Info) -> int:
        roster = await self._roster(info)
        return sum(state.result.presence is Presence.IN_MEETING for state in roster)

    @strawberry.field
    async def participant_count(self, info: Info) -> int:
        return sum(state.has_joined for state in await self._roster(info))

    @strawberry.field
    async def teacher_presence(self, info: Info) -> Presence:
        roster = await self._roster(info)
        found = [state.result.presence for state in roster if state.user_id == self.row.teacher_id]
        return found[0] if found else Presence.NOT_JOINED

    @strawberry.field
    async def attendances(
        self,
        info: Info,
        first: int | None = strawberry.UNSET,
        after: str | None = strawberry.UNSET,
        status: AttendanceStatus | None = strawberry.UNSET,
    ) -> CountedConnection[Attendance]:
        part = Slice.of(models.SessionParticipant, given(first), given(after))
        lists = info.context.loaders.attendances
        found = await lists.load((self.row.id, part, given(status)))
        return await info.context.attendances(found)

    @strawberry.field
    async def attendance_statistics(self, info: Info) -> AttendanceStatistics:
        readable = await info.context.readable_states(self.row, await self._roster(info))
        return AttendanceStatistics.of(readable, Reckoning(self.row, info.context.now))

    @strawberry.field
    async def barred(self, info: Info) -> list[User]:
        return [User.of(row) for row in await info.context.loaders.barred.load(self.row)]

    @strawberry.field
    async def my_attendance(self, info: Info) -> Attendance | None:
        viewer = info.context.viewer
        own = [row for row in await self._roster(info) if row.user_id == viewer.user_id]
        return Attendance.of(own[0], self.row, info.context.now) if own else None

    @strawberry.field
    async def viewer_permissions(self, info: Info) -> SessionPermissions:
        joining = await info.context.loaders.joinings.load(self.row)
        return SessionPermissions(
            can_join=joining.refusal is None,
            can_manage=joining.standing.manages,
            join_refusal=UserError.of(joining.refusal) if joining.refusal else None,
        )

    @strawberry.field
    async def history(
        self,
        info: Info,
        first: int | None = strawberry.UNSET,
        after: str | None = strawberry.UNSET,
    ) -> Connection[Annotated["SessionEvent", strawberry.lazy("schema.types.events")]]:
        part = Slice.of(models.SessionEvent, given(first), given(after))
        return await info.context.history(self.row, part)

    async def _roster(self, info: Info) -> list[AttendanceState]:
        return await info.context.loaders.rosters.load(self.row.id)
