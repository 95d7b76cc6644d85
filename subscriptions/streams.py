"""The streams of a watched session: what each tells at first, what is news to it, when it ends."""

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator
from functools import partial
from typing import Any

import clock
from domain.access import Audience, Scope
from domain.cursors import Place, stream_cursor
from domain.errors import ForbiddenError
from domain.event import PRESENCE_KINDS, STAFF_KINDS
from domain.status import SessionStatus
from execution.context import Context
from execution.sharing import Renderer
from schema.types.attendance import Attendance
from schema.types.events import event_of, snapshot_of
from schema.types.presence import AttendanceUpdate, PresenceChanges, PresenceSnapshot
from schema.types.shared import Shared
from subscriptions.hub import Hub
from subscriptions.session_access import SessionAccess
from subscriptions.stream_services import StreamServices
from subscriptions.watch import watching


class SessionStream(ABC):
    """A stream of one session to an audience; with `user_id`, of one person's row.

    Its events are built once for all whose streams are alike. They hold what is so now.
    """

    __slots__ = ("audience", "hub", "scope", "user_id")

    def __init__(self, hub: Hub, audience: Audience, user_id: int | None = None) -> None:
        self.hub = hub
        self.audience = audience
        self.user_id = user_id
        self.scope = Scope(f"session:{hub.session_id}", audience)

    @property
    def version(self) -> int:
        return self.hub.version

    @property
    def floor(self) -> int:
        """Return the position before which news is not known any more."""
        return self.hub.floor

    @abstractmethod
    def whole(self) -> list[object]:
        """Return what somebody gets who has nothing yet."""

    @abstractmethod
    def news(self, position: int) -> list[object]:
        """Return the events after a position."""

    def is_over(self) -> bool:
        """Return whether nothing can be new any more; may raise what ends the stream."""
        return False


class RosterStream(SessionStream):
    """The roster for those who manage the session, until the final result."""

    __slots__ = ()

    def whole(self) -> list[object]:
        hub, now = self.hub, clock.now()
        # All who arrive in the same second get the same roster.
        key = ("roster", hub.version, hub.edition, now.replace(microsecond=0))
        there = (hub.roster.values(), hub.session, now, hub.people, Shared(self.scope))
        return [hub.build_once(key, partial(PresenceSnapshot.of, *there))]

    def news(self, position: int) -> list[object]:
        hub = self.hub
        entries = [entry for entry in hub.after(position) if entry.row.kind in PRESENCE_KINDS]
        if not entries:
            return []
        rows, since = [entry.row for entry in entries], entries[0].roster_before
        place = Place(rows[-1].sequence, rows[-1].mark)
        there = (hub.roster.values(), hub.session, clock.now(), hub.people, Shared(self.scope))
        build = partial(PresenceChanges.of, rows, since, place, *there)
        return [hub.build_once(("changes", rows[0].sequence, rows[-1].sequence), build)]

    def is_over(self) -> bool:
        session = self.hub.session
        return session.finalised_at is not None or session.status is SessionStatus.CANCELLED


class EventStream(SessionStream):
    """The events of a session, for all who see it: each those that its audience may read."""

    __slots__ = ()

    def whole(self) -> list[object]:
        hub, now = self.hub, clock.now()
        key = ("session", hub.version, hub.edition, self.audience, now.replace(microsecond=0))
        return [hub.build_once(key, partial(snapshot_of, hub.session, now, Shared(self.scope)))]

    def news(self, position: int) -> list[object]:
        events: list[object] = []
        for row in (entry.row for entry in self.hub.after(position)):
            if self.audience is Audience.STAFF or row.kind not in STAFF_KINDS:
                person = self.hub.people.get(row.payload.get("user_id", 0))
                there = (row, self.hub.session, clock.now(), Shared(self.scope), person)
                key = ("event", row.sequence, self.audience)
                events.append(self.hub.build_once(key, partial(event_of, *there)))
        return events


class RowStream(SessionStream):
    """One row of a roster. It goes on after the final result, which a late event may change.

    When the row is gone it ends for staff, and is FORBIDDEN for others.
    """

    __slots__ = ()

    @property
    def floor(self) -> int:
        return 0

    def whole(self) -> list[object]:
        hub, now = self.hub, clock.now()
        state = hub.row_of(self.user_id or 0)
        if state is None:
            return []
        # All who may watch this row are told the same of it.
        scope = Scope(f"attendance:{state.participant_id}", Audience.PARTICIPANT)
        key = ("row", self.user_id, hub.version, hub.edition, now.replace(microsecond=0))

        def build() -> AttendanceUpdate:
            return AttendanceUpdate(
                cursor=stream_cursor(hub.session_id, hub.version, hub.session.version_mark),
                version=hub.version,
                as_of=now,
                attendance=Attendance.of(state, hub.session, now, hub.people.get(state.user_id)),
                shared=Shared(scope),
            )

        return [hub.build_once(key, build)]

    def news(self, position: int) -> list[object]:
        return self.whole() if position < self.hub.changed_at[self.user_id or 0] else []

    def is_over(self) -> bool:
        is_gone = self.hub.row_of(self.user_id or 0) is None
        if is_gone and self.audience is not Audience.STAFF:
            raise ForbiddenError("The row is gone from the roster.")
        return is_gone


async def follow(
    context: Context[StreamServices],
    renderer: Renderer | None,
    access: SessionAccess,
    kind: type[SessionStream],
    after: str | None,
) -> AsyncGenerator[Any, None]:
    """Yield the whole, or what is new since `after`; then what is new, until the end.

    While there is nothing new it stands in a crowd, if the socket and the document allow it:
    then the hub writes to the socket, and this goes on from where the client is.
    """
    async with watching(context, renderer, access) as watch:
        stream = kind(watch.hub, watch.audience, access.row_of)
        position = watch.hub.place_of(after)
        while True:
            await watch.right.confirm()
            if position is None or position < stream.floor:
                await watch.refresh()
                # Nothing is awaited between reading the hub and handing over what it says.
                position, events = stream.version, stream.whole()
            else:
                position, events = stream.version, stream.news(position)
            for event in events:
                yield event
                del event  # the next one may be hours away
                await watch.right.confirm()
            if not events:
                if stream.is_over():
                    return
                position = await watch.wait(stream, position)
