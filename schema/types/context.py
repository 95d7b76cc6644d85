"""Declares what nested fields may use of the context: the viewer, the time, rows in batches."""

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
from models.reading.stuck import Signs
from models.reading.warnings import ReadWarning
from schema.types.pages import Connection, CountedConnection

if TYPE_CHECKING:  # these files import this one
    from schema.types.access_key import AccessKey
    from schema.types.attendance import Attendance
    from schema.types.events import SessionEvent
    from schema.types.room import RoomInfo
    from schema.types.session import Session

Key = TypeVar("Key")
Condition = TypeVar("Condition")
Row = TypeVar("Row")

# Loads a row by an id: many fields ask, one query answers.
RowLoader: TypeAlias = DataLoader[int, Row]

# Loads a page of a list that belongs to a parent row: by the parent's key, the part of the list,
# and a condition on its rows.
PageLoader: TypeAlias = DataLoader[tuple[Key, Slice, Condition], Page[Row]]


# From this moment, and until just before that one; None leaves a side open.
Span: TypeAlias = tuple[datetime | None, datetime | None]


class Loaders(Protocol):
    """Reads in batches, by id if nothing else is said. A row that a foreign key names is there."""

    academies: RowLoader[models.Academy]
    users: RowLoader[models.User]
    groups: RowLoader[models.Group]
    sessions: RowLoader[models.Session]
    video_settings: RowLoader[models.VideoSettings]  # by academy
    attendance_policies: RowLoader[models.AttendancePolicy]  # by academy
    meeting_settings: RowLoader[models.TeacherMeetingSettings | None]  # by teacher
    named_users: RowLoader[models.User | None]  # by the number in an identity at LiveKit
    seen_users: RowLoader[bool]  # by user: whether the viewer may read all of this user
    children: RowLoader[list[models.User]]  # by user; only those the viewer may see
    guardians: RowLoader[list[models.User]]  # by user; only those the viewer may see
    access_keys: RowLoader[list[models.AccessKey]]  # by academy, the newest first
    meetings: RowLoader[MeetingCounts]  # by academy
    signs: RowLoader[Signs]  # by session: what other rows tell of why it is stuck
    rosters: RowLoader[list[AttendanceState]]  # by session, the whole roster
    own_rows: RowLoader[set[int]]  # by session: the users whose rows the viewer may read
    barred: DataLoader[models.Session, list[models.User]]  # empty if the viewer does not manage it
    joinings: DataLoader[models.Session, Joining]
    # By access key: whom it created or gave another role.
    key_changes: PageLoader[int, None, models.AccessKeyChange]
    warnings: DataLoader[models.Session, list[ReadWarning]]
    # By session and status: the roster rows that the viewer may read.
    attendances: PageLoader[int, AttendanceStatus | None, models.SessionParticipant]
    histories: PageLoader[int, Span, models.SessionParticipant]  # by user, and by time


class Context(Protocol):
    """Declares what `execution.context.Context` gives to the types."""

    @property
    def now(self) -> datetime: ...

    @property
    def viewer(self) -> Viewer: ...

    # None where nobody is signed in, and in an execution that several share.
    viewer_if_any: Viewer | None

    @property
    def loaders(self) -> Loaders: ...

    def manages(self, session: models.Session) -> bool:
        """Tell whether the viewer manages the session, or the audience of a shared execution."""

    async def session(self, session_id: int) -> "Session":
        """Return a session by its id."""

    async def access_keys(self, academy_id: int) -> list["AccessKey"]:
        """Return the access keys of an academy that the viewer may see."""

    async def attendances(
        self, found: Page[models.SessionParticipant]
    ) -> CountedConnection["Attendance"]:
        """Return a page of roster rows as a connection of attendances."""

    async def room(self, session: models.Session, *, is_streamed: bool) -> "RoomInfo":
        """Return what is in the room now. A stream reads the database and not LiveKit."""

    async def history(self, session: models.Session, part: Slice) -> Connection["SessionEvent"]:
        """Return this part of the events that the viewer may read."""

    async def evidence(
        self, state: AttendanceState, part: Slice
    ) -> Page[models.MeetingAttendanceEvent]:
        """Return this part of an attendance's lines; none if the viewer does not manage it."""

    async def readable_states(
        self, session: models.Session, states: Sequence[AttendanceState]
    ) -> list[AttendanceState]:
        """Return the attendances of this session that the viewer may read."""


Info = strawberry.Info[Context, None]
