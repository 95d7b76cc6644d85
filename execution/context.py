"""What a running operation knows: who asks, what time it is, and rows in batches."""

from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Generic, Protocol, Self, TypeVar

import strawberry

import clock
import models
from actions.clock.system_status import Readings
from actions.rooms.meeting_tokens import Door
from actions.rooms.room_view import fetch_room_view, stored_room_view
from domain.access import Scope, Viewer
from domain.attendance.state import AttendanceState
from domain.errors import UnauthenticatedError
from execution.loaders import Loaders
from execution.room_info import room_info
from models.reading.pages import BY_ID, Page, Slice
from schema.types import context as asked
from schema.types.access_key import AccessKey
from schema.types.attendance import Attendance, attendance_of
from schema.types.events import SessionEvent, event_of
from schema.types.pages import Connection
from schema.types.room import RoomInfo
from schema.types.session import Session
from schema.types.session_kinds import session_of


@dataclass(frozen=True, slots=True)
class Process:
    """What every operation of this process shares; subscriptions share more."""

    door: Door
    readings: Readings


Process_co = TypeVar("Process_co", bound=Process, covariant=True)
Ask = Callable[[], Awaitable[Viewer | None]]


class Permission(Protocol):
    """What a running subscription may still send: known at once, or after a moment's doubt."""

    @property
    def is_sure(self) -> bool: ...

    async def confirm(self) -> None:
        """Return if it may; a DomainError or UnauthenticatedError if not."""


class Context(Generic[Process_co]):
    """One operation's; an event of a subscription gets a fresh one, with the time it is sent at.

    `ask` says who is asking by now, where an operation may outlive what it began with. `address`
    is the client's, where it is known.
    """

    right: Permission | None = None  # a subscription's

    def __init__(
        self,
        process: Process_co,
        viewer: Viewer | None,
        now: datetime,
        ask: Ask | None = None,
        address: str | None = None,
    ) -> None:
        self.process = process
        self.anyone = viewer
        self.now = now
        self.address = address
        self._ask = ask

    @cached_property
    def loaders(self) -> Loaders:
        """Made when first needed: an event may need none, and a thousand contexts may be told at
        once that they are another's."""
        return Loaders(self.anyone, self.now)

    def for_event(self) -> Self:
        return type(self)(self.process, self.anyone, clock.now())

    def for_scope(self, scope: Scope) -> "Context[Process_co]":
        """A context for a shared run: it knows no viewer, and asking it for one is a bug."""
        return _ScopeContext(self.process, scope, clock.now())

    def become(self, viewer: Viewer) -> None:
        """Somebody signed in, or is another than before: what is read is read with their rights."""
        if viewer != self.anyone:
            self.anyone = viewer
            self.__dict__.pop("loaders", None)

    @property
    def question(self) -> Hashable:
        """Contexts of the same question have the same answer to `ask_again`."""
        return self._ask or self.anyone

    async def ask_again(self) -> Viewer:
        """Who is asking by now; UnauthenticatedError where that is nobody any more."""
        viewer = await self._ask() if self._ask else self.anyone
        if viewer is None:
            raise UnauthenticatedError("Sign in first.")
        self.become(viewer)
        return viewer

    @property
    def viewer(self) -> Viewer:
        if self.anyone is None:
            raise UnauthenticatedError("Sign in first.")
        return self.anyone

    def require_viewer(self) -> None:
        """UnauthenticatedError where nobody is signed in, also when there is nothing to read."""
        _ = self.viewer

    async def session(self, session_id: int) -> Session:
        return session_of(await self.loaders.sessions.load(session_id))

    async def access_keys(self, academy_id: int) -> list[AccessKey]:
        return [AccessKey.of(row) for row in await self.loaders.access_keys.load(academy_id)]

    async def room(self, session: models.Session, *, is_streamed: bool) -> RoomInfo:
        manages = session.is_managed_by(self.viewer)
        view = None if is_streamed else await fetch_room_view(self.process.door.livekit, session)
        if view is None:
            roster = await self.loaders.rosters.load(session.id)
            users = await self.loaders.users.load_many([state.user_id for state in roster])
            view = stored_room_view(session, roster, {user.id: user for user in users})
        return room_info(session, view, is_managed=manages)

    async def attendances(self, found: Page[models.SessionParticipant]) -> Connection[Attendance]:
        loaded = await self.loaders.states.load_many(found.rows)
        states = {state.participant_id: state for state in loaded}
        sessions = await self.loaders.sessions.load_many([row.session_id for row in found.rows])
        by_id = {session.id: session for session in sessions}
        return Connection[Attendance].of(
            found,
            cursor=BY_ID.cursor,
            node=lambda row: attendance_of(states[row.id], by_id[row.session_id], self.now),
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

    async def readable(
        self, session: models.Session, states: Sequence[AttendanceState]
    ) -> list[AttendanceState]:
        if session.is_managed_by(self.viewer):
            return list(states)
        theirs = await self.loaders.own_rows.load(session.id)
        return [state for state in states if state.user_id in theirs]


class _ScopeContext(Context[Process_co]):
    def __init__(self, process: Process_co, scope: Scope, now: datetime) -> None:
        super().__init__(process, None, now)
        self.scope = scope

    @property
    def viewer(self) -> Viewer:
        raise RuntimeError(f"a shared run has no viewer: {self.scope}")


Info = strawberry.Info[Context[Process], None]

if TYPE_CHECKING:  # mypy holds it against what nested fields ask for
    _asked_for: type[asked.Context] = Context[Process]
