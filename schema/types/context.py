"""What nested fields may ask of the context: the viewer, the time, and rows in batches."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol

import strawberry

import models
from domain.access import Viewer
from domain.presence import AttendanceState
from models.pages import Page


class Batch(Protocol):
    """A batched read: many fields ask, one query answers."""

    async def load(self, key: int) -> Any: ...

    async def load_many(self, keys: list[int]) -> list[Any]: ...


class Loaders(Protocol):
    academies: Batch  # id -> Academy row
    video_settings: Batch  # academy id -> VideoSettings row
    attendance_policies: Batch  # academy id -> AttendancePolicy row
    users: Batch  # id -> User row
    seen_users: Batch  # id -> whether the viewer sees all of this user
    children: Batch  # user id -> rows of their children the viewer may see
    guardians: Batch  # user id -> rows of their guardians the viewer may see
    groups: Batch  # id -> Group row
    sessions: Batch  # id -> Session row
    rosters: Batch  # session id -> the whole roster's AttendanceState
    own_rows: Batch  # session id -> user ids whose rows the viewer may read there
    joinable: Batch  # session id -> whether the viewer or a child of theirs is expected


class Context(Protocol):
    @property
    def now(self) -> datetime: ...

    @property
    def viewer(self) -> Viewer: ...

    @property
    def loaders(self) -> Loaders: ...

    async def session(self, session_id: int) -> Any:
        """A session by its id, as its type."""

    async def attendances(self, found: Page[models.SessionParticipant]) -> Any:
        """A page of roster rows as a connection of attendances."""

    def history(self, session: models.Session, found: Page[models.SessionEvent]) -> Any:
        """A page of a session's stream as a connection of events."""

    async def readable(
        self, session: models.Session, states: Sequence[AttendanceState]
    ) -> list[AttendanceState]:
        """Those of a session's attendances that the viewer may read."""


Info = strawberry.Info[Context, None]
