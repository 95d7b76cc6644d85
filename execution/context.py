"""Gives a running operation its viewer, the time, and rows in batches."""

from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Generic, Protocol, Self, TypeVar

import strawberry

import clock
import models
from actions.clock.system_status import Readings
from actions.rooms.meeting_tokens import Venue
from actions.rooms.room_view import fetch_room_view, stored_room_view
from domain.access import Audience, Scope, Viewer
from domain.attendance.state import AttendanceState
from domain.errors import UnauthenticatedError
from execution.loaders import Loaders
from execution.room_info import room_info_of
from models.reading.pages import BY_ID, Page, Slice
from schema.types import context as asked
from schema.types.access_key import AccessKey
from schema.types.attendance import Attendance
from schema.types.events import SessionEvent, event_of
from schema.types.pages import Connection, CountedConnection
from schema.types.room import RoomInfo
from schema.types.session import Session
from schema.types.session_kinds import session_of


@dataclass(frozen=True, slots=True)
class Services:
    """Holds what all operations of a process share; subscriptions add their own services."""

    venue: Venue
    readings: Readings


Services_co = TypeVar("Services_co", bound=Services, covariant=True)
ReadViewer = Callable[[], Awaitable[Viewer | None]]
RecallViewer = Callable[[], Viewer | None]


class Permission(Protocol):
    """Says whether a running subscription may still send. It may be in doubt for a moment."""

    async def confirm(self) -> None:
        """Return if it may send, else raise a DomainError or an UnauthenticatedError."""


@dataclass(eq=False)
class Context(Generic[Services_co]):
    """Belongs to one operation. Each event of a subscription gets a new one, with its own time.

    `read_viewer` reads the viewer anew, for an operation that may outlive its token, and
    `recall_viewer` gives them from memory, or None where that is not sure. `address` is the
    client's, where it is known. `scope` stands in place of a viewer in an execution that several
    share. `right` belongs to a subscription, `outlet` to one on a socket of ours: see
    subscriptions/transport.py.
    """

    services: Services_co
    viewer_if_any: Viewer | None
    now: datetime
    read_viewer: ReadViewer | None = None
    address: str | None = None
    scope: Scope | None = None
    right: Permission | None = None
    recall_viewer: RecallViewer | None = None
    outlet: object | None = None

    @cached_property
    def loaders(self) -> Loaders:
        """Make the loaders on first use: many events need none."""
        return Loaders(self.viewer_if_any, self.now)

    def for_event(self, scope: Scope | None = None) -> Self:
        """Return a context for one event, or with a scope for one execution that many share."""
        viewer = self.viewer_if_any if scope is None else None
        return type(self)(self.services, viewer, clock.now(), scope=scope)

    def set_viewer(self, viewer: Viewer) -> None:
        """Read with this viewer's rights from now on: they signed in, or their rights changed."""
        if viewer != self.viewer_if_any:
            self.__dict__.pop("loaders", None)
        self.viewer_if_any = viewer  # an equal one may be of a newer row

    @property
    def viewer_source(self) -> Hashable:
        """Contexts with the same source get the same viewer from `refresh_viewer`."""
        return self.read_viewer or self.viewer_if_any

    async def refresh_viewer(self) -> Viewer:
        """Read the viewer anew; UnauthenticatedError if the token speaks for nobody any more."""
        viewer = await self.read_viewer() if self.read_viewer else self.viewer_if_any
        if viewer is None:
            raise UnauthenticatedError("Sign in first.")
        self.set_viewer(viewer)
        return viewer

    async def sure_viewer(self) -> Viewer:
        """Take the viewer from memory where it is sure, else read them anew."""
        viewer = self.recall_viewer() if self.recall_viewer else None
        if viewer is None:
            return await self.refresh_viewer()
        self.set_viewer(viewer)
        return viewer

    @property
    def viewer(self) -> Viewer:
        if self.scope is not None:
            raise RuntimeError(f"a shared execution has no viewer: {self.scope}")
        if self.viewer_if_any is None:
            raise UnauthenticatedError("Sign in first.")
        return self.viewer_if_any

    def manages(self, session: models.Session) -> bool:
        if self.scope is not None:
            return self.scope.audience is Audience.STAFF
        return session.is_managed_by(self.viewer)

    def require_viewer(self) -> None:
        """Raise UnauthenticatedError if nobody is signed in, also when there is nothing to read."""
        _ = self.viewer

    async def session(self, session_id: int) -> Session:
        return session_of(await self.loaders.sessions.load(session_id))

    async def access_keys(self, academy_id: int) -> list[AccessKey]:
        return [AccessKey.of(row) for row in await self.loaders.access_keys.load(academy_id)]

    async def room(self, session: models.Session, *, is_streamed: bool) -> RoomInfo:
        manages = session.is_managed_by(self.viewer)
        view = None if is_streamed else await fetch_room_view(self.services.venue.livekit, session)
        if view is None:
            roster = await self.loaders.rosters.load(session.id)
            users = await self.loaders.users.load_many([state.user_id for state in roster])
            view = stored_room_view(session, roster, {user.id: user for user in users})
        return room_info_of(session, view, is_managed=manages)

    async def attendances(
        self, found: Page[models.SessionParticipant]
    ) -> CountedConnection[Attendance]:
        loaded = await self.loaders.states.load_many(found.rows)
        states = {state.participant_id: state for state in loaded}
        sessions = await self.loaders.sessions.load_many([row.session_id for row in found.rows])
        by_id = {session.id: session for session in sessions}
        return CountedConnection[Attendance].of(
            found,
            cursor=BY_ID.cursor,
            node=lambda row: Attendance.of(states[row.id], by_id[row.session_id], self.now),
        )

    async def history(self, session: models.Session, part: Slice) -> Connection[SessionEvent]:
        manages = session.is_managed_by(self.viewer)
        found = await self.loaders.history.load((session.id, part, manages))
        return Connection[SessionEvent].of(
            found, cursor=BY_ID.cursor, node=lambda row: event_of(row, session, self.now)
        )

    async def evidence(
        self, state: AttendanceState, part: Slice
    ) -> Page[models.MeetingAttendanceEvent]:
        session = await self.loaders.sessions.load(state.session_id)
        place = (state.session_id, state.user_id)
        manages = session.is_managed_by(self.viewer)
        return await self.loaders.evidence.load((place, part, manages))

    async def readable_states(
        self, session: models.Session, states: Sequence[AttendanceState]
    ) -> list[AttendanceState]:
        if session.is_managed_by(self.viewer):
            return list(states)
        readable = await self.loaders.own_rows.load(session.id)
        return [state for state in states if state.user_id in readable]


Info = strawberry.Info[Context[Services], None]

if TYPE_CHECKING:  # mypy checks it against what nested fields expect
    _expected: type[asked.Context] = Context[Services]
