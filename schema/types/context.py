"""What nested fields may ask of the context: the viewer, the time, and rows in batches."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol

import strawberry

import models
from domain.access import Viewer
from domain.attendance.state import AttendanceState
from models.reading.joining import Joining
from models.reading.pages import Page, Slice


class Batch(Protocol):
    """A batched read: many fields ask, one query answers."""

    async def load(self, key: int) -> Any: ...

    async def load_many(self, keys: list[int]) -> list[Any]: ...


class Lists(Protocol):
    """Pages of lists that hang on many rows, in batches: what each hangs on, which part of it, and
    what else says which rows."""

    async def load(self, key: tuple[Any, Slice, Any]) -> Page[Any]: ...


class Joinings(Protocol):
    async def load(self, key: models.Session) -> Joining: ...


class Loaders(Protocol):
    academies: Batch  # id -> Academy row
    video_settings: Batch  # academy id -> VideoSettings row
    attendance_policies: Batch  # academy id -> AttendancePolicy row
    users: Batch  # id -> User row
    meeting_settings: Batch  # a teacher's id -> their TeacherMeetingSettings row
    seen_users: Batch  # id -> whether the viewer sees all of this user
    children: Batch  # user id -> rows of their children the viewer may see
    guardians: Batch  # user id -> rows of their guardians the viewer may see
    groups: Batch  # id -> Group row
    access_keys: Batch  # academy id -> rows of its keys the viewer may see, the newest first
    sessions: Batch  # id -> Session row
    meetings: Batch  # academy id -> its MeetingCounts
    works: Batch  # session id -> its work that tells of trouble, by kind
    rosters: Batch  # session id -> the whole roster's AttendanceState
    own_rows: Batch  # session id -> user ids whose rows the viewer may read there
    barred: Batch  # session id -> rows of the users barred from it

    @property
    def joinings(self) -> Joinings:
        """By session row: what it is to the viewer, and whether they may join it now."""

    @property
    def attendances(self) -> Lists:
        """By session id and status: roster rows that the viewer may read."""

    @property
    def history(self) -> Lists:
        """By session id and whether they manage it: rows of its stream."""

    @property
    def evidence(self) -> Lists:
        """By session and user id, and whether they manage it: lines of the attendance log."""


class Context(Protocol):
    @property
    def now(self) -> datetime: ...

    @property
    def viewer(self) -> Viewer: ...

    @property
    def loaders(self) -> Loaders: ...

    async def session(self, session_id: int) -> Any:
        """A session by its id, as its type."""

    async def access_keys(self, academy_id: int) -> Any:
        """An academy's access keys that the viewer may see, as their type."""

    async def attendances(self, found: Page[models.SessionParticipant]) -> Any:
        """A page of roster rows as a connection of attendances."""

    async def room(self, session: models.Session, *, is_streamed: bool) -> Any:
        """What is in a session's room now; a stream reads it from the database alone."""

    def history(self, session: models.Session, found: Page[models.SessionEvent]) -> Any:
        """A page of a session's stream as a connection of events."""

    async def readable(
        self, session: models.Session, states: Sequence[AttendanceState]
    ) -> list[AttendanceState]:
        """Those of a session's attendances that the viewer may read."""


Info = strawberry.Info[Context, None]
