"""What nested fields may ask of the context: the viewer, the time, and rows in batches."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Protocol, TypeAlias, TypeVar

import strawberry
from strawberry.dataloader import DataLoader

import models
from domain.access import Viewer
from domain.attendance.fold import AttendanceStatus
from domain.attendance.state import AttendanceState
from models.reading.joining import Joining
from models.reading.pages import Page, Slice
from models.reading.statistics import MeetingCounts
from models.reading.stuck import Works
from schema.types.pages import Connection

if TYPE_CHECKING:  # they are made of what this file says
    from schema.types.access_key import AccessKey
    from schema.types.attendance import Attendance
    from schema.types.events import SessionEvent
    from schema.types.room import RoomInfo
    from schema.types.session import Session

Key = TypeVar("Key")
Which = TypeVar("Which")
Row = TypeVar("Row")

# A batched read: many fields ask, one query answers.
Batch: TypeAlias = DataLoader[int, Row]

# Pages of lists that hang on many rows, in batches: what each hangs on, which part of it, and what
# else says which rows.
Lists: TypeAlias = DataLoader[tuple[Key, Slice, Which], Page[Row]]


class Loaders(Protocol):
    """Reads by id, unless said otherwise. A row that a foreign key names is there."""

    academies: Batch[models.Academy]
    users: Batch[models.User]
    groups: Batch[models.Group]
    sessions: Batch[models.Session]
    video_settings: Batch[models.VideoSettings]  # by the academy
    attendance_policies: Batch[models.AttendancePolicy]  # by the academy
    meeting_settings: Batch[models.TeacherMeetingSettings | None]  # by the teacher
    named_users: Batch[models.User | None]  # by a number in a word of LiveKit's
    seen_users: Batch[bool]  # whether the viewer sees all of this user
    children: Batch[list[models.User]]  # of a user, those the viewer may see
    guardians: Batch[list[models.User]]  # of a user, those the viewer may see
    access_keys: Batch[list[models.AccessKey]]  # the academy's the viewer may see, newest first
    meetings: Batch[MeetingCounts]  # of an academy
    works: Batch[Works]  # of a session, what tells of trouble
    rosters: Batch[list[AttendanceState]]  # of a session, the whole
    own_rows: Batch[set[int]]  # of a session, the users whose rows the viewer may read
    barred: DataLoader[models.Session, list[models.User]]  # for who manages it, by its row
    joinings: DataLoader[models.Session, Joining]  # of the viewer, by the session's row
    # By session and status: roster rows that the viewer may read.
    attendances: Lists[int, AttendanceStatus | None, models.SessionParticipant]


class Context(Protocol):
    @property
    def now(self) -> datetime: ...

    @property
    def viewer(self) -> Viewer: ...

    @property
    def loaders(self) -> Loaders: ...

    async def session(self, session_id: int) -> "Session":
        """A session by its id, as its type."""

    async def access_keys(self, academy_id: int) -> list["AccessKey"]:
        """An academy's access keys that the viewer may see, as their type."""

    async def attendances(self, found: Page[models.SessionParticipant]) -> Connection["Attendance"]:
        """A page of roster rows as a connection of attendances."""

    async def room(self, session: models.Session, *, is_streamed: bool) -> "RoomInfo":
        """What is in a session's room now; a stream reads it from the database alone."""

    async def history(self, session: models.Session, part: Slice) -> Connection["SessionEvent"]:
        """This part of what the viewer may read of a session's stream."""

    async def evidence(
        self, state: AttendanceState, part: Slice
    ) -> Page[models.MeetingAttendanceEvent]:
        """This part of the lines behind an attendance; none for who does not manage its session."""

    async def readable(
        self, session: models.Session, states: Sequence[AttendanceState]
    ) -> list[AttendanceState]:
        """Those of a session's attendances that the viewer may read."""


Info = strawberry.Info[Context, None]
