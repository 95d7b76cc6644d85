"""A hub is one watched session in this process: its roster, and a ring of its recent events.

It is filled from the tables when the bus tells of a new version, or when the backstop finds it
behind. A subscriber is a position in the ring, never a queue: a slow one costs a bounded amount.
"""

import asyncio
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import cache
from operator import attrgetter
from typing import Any, TypeVar

from tortoise.models import Model

import models
from domain.attendance.state import AttendanceState
from domain.cursors import stream_place
from domain.errors import NotFoundError
from domain.event import PRESENCE_KINDS, ROSTER_KINDS, SessionEventKind
from models.reading.rosters import read_rosters
from models.reading.stream_places import read_place
from models.reading.unread import Since, Unread, read_unread
from subscriptions.crowds import Crowds, Write

T = TypeVar("T")

RING_MAX_EVENTS = 1024
# For snapshots a hub reads again what changes without an event. It does so at once for the first
# few watchers who come, and once a second for a crowd.
REFRESH_EVERY_S = 1.0
REFRESH_AHEAD_S = 2.0
MEMO_MAX_EVENTS = 64  # events built for watchers
BACKLOG_MAX_EVENTS = 256  # read when a hub opens


@dataclass(frozen=True, slots=True)
class Entry:
    """An event; the version of the last change of the roster before it; the mark of the event
    before it."""

    row: models.SessionEvent
    roster_before: int
    mark_before: int


class Hub:
    """`watchers` is counted by Hubs. All but `hear` and `open` is for when it `is_open`.

    A reading holds `reading`, so that no older one is taken after a newer one.
    """

    session: models.Session

    def __init__(self, session_id: int, ring: int = RING_MAX_EVENTS) -> None:
        self.session_id = session_id
        self.watchers = 0
        self.is_open = False
        self.version = 0
        self.floor = 0  # the ring has everything after it
        self.roster: dict[int, AttendanceState] = {}
        self.people: dict[int, models.User] = {}
        self.edition = 0  # counts changes of the row or a name without an event
        self.changed_at: Counter[int] = Counter()  # the last version that changed a person's row
        self._ring: deque[Entry] = deque(maxlen=ring)
        self._roster_changed = 0
        self._mark = 0  # of the newest event
        self._opening = asyncio.Lock()
        self._refreshing = asyncio.Lock()
        self.reading = asyncio.Lock()
        self.readers = 0  # who read for it, and who wait to
        self.heard = 0  # the newest version that was heard of and is not read yet
        self._refreshed_at = time.monotonic()  # when that reading started
        self._refreshed_until = self._refreshed_at
        self._memo: OrderedDict[tuple[object, ...], Any] = OrderedDict()
        self.crowds = Crowds()  # the waiting watchers that are written to
        # The other waiting ones: for any change under None, for one person's under their id.
        self._ticks: dict[int | None, asyncio.Future[None]] = {}

    async def open(self) -> None:
        """Read the session, its recent events and its roster, once; NOT_FOUND if there is none."""
        async with self._opening:
            if self.is_open:
                return
            started = time.monotonic()
            session = await models.Session.get_or_none(id=self.session_id)
            if session is None:
                raise NotFoundError("No such session.")
            self.session = session
            backlog = min(self._ring.maxlen or 0, BACKLOG_MAX_EVENTS)
            self.floor = self.version = max(0, session.version - backlog)
            self._ring.clear()
            place, self._roster_changed = await read_place(self.session_id, self.floor)
            self._mark = place.mark
            await catch_up([self])
            # Read after the events: a change that only the roster has comes as an event later.
            states = (await read_rosters([self.session_id])).get(self.session_id, [])
            self.roster = {state.participant_id: state for state in states}
            self.people |= await models.User.in_bulk([state.user_id for state in states], "id")
            self._refreshed_at = started
            self.is_open = True

    def hear(self, version: int) -> bool:
        """Note a version that somebody tells of; return if it is to be read: not while it opens."""
        self.heard = max(self.heard, version)
        return self.is_open and self.version < self.heard

    def take(self, unread: Unread) -> list[Write]:
        """Take what was read while `reading` was held, wake the watchers, and render for crowds.

        Nothing may be awaited before the writes are made: a watcher sees all of what is new, or
        nothing yet.
        """
        session, people = unread.session, unread.people
        for row in unread.events:
            if row.kind is SessionEventKind.PRESENCE_CHANGED:
                _ = row.state  # read first: where one cannot be read, nothing is taken
        is_news = session.version > self.version
        if not is_news and (self._is_new(people) or _differ(session, self.session)):
            self.edition += 1
        self.people |= people
        for row in unread.events:
            self._append(row)
        self.session, self.version = session, session.version
        self.floor = max(self.floor, self.version - len(self._ring))
        if not is_news:
            return []
        for subject in (None, *unread.subjects):
            if tick := self._ticks.pop(subject, None):
                tick.set_result(None)
        return self.crowds.prepare((None, *unread.subjects))

    def _append(self, row: models.SessionEvent) -> None:
        self._ring.append(Entry(row, self._roster_changed, self._mark))
        self._mark = row.mark
        if row.kind in ROSTER_KINDS:
            self._roster_changed = row.sequence
        if row.kind in PRESENCE_KINDS:
            self.changed_at[row.payload["user_id"]] = row.sequence
        if row.kind is SessionEventKind.PRESENCE_CHANGED:
            self.roster[row.state.participant_id] = row.state
        if row.kind is SessionEventKind.PRESENCE_REMOVED:
            self.roster.pop(row.payload["participant_id"], None)

    def _is_new(self, people: dict[int, models.User]) -> bool:
        former = self.people
        return any(
            number not in former or _differ(person, former[number])
            for number, person in people.items()
        )

    async def refresh(self, since: float) -> None:
        """Make the row and the names as new as `since`, by the monotonic clock, for a snapshot.

        They change without an event too. In a storm of snapshots they may be a second older.
        """
        async with self._refreshing:
            started = time.monotonic()
            if self._refreshed_at >= since or started < self._refreshed_until - REFRESH_AHEAD_S:
                return
            await catch_up([self], {state.user_id for state in self.roster.values()})
            self._refreshed_at = started
            self._refreshed_until = max(started, self._refreshed_until) + REFRESH_EVERY_S

    def place_of(self, cursor: str | None) -> int | None:
        """Find where a subscriber goes on; None where the ring cannot serve the cursor."""
        place = stream_place(cursor, self.session_id) if cursor else None
        if place is None or not self.floor <= place.version <= self.version:
            return None
        missed = self.after(place.version)
        mark = missed[0].mark_before if missed else self._mark
        return place.version if place.mark == mark else None

    def after(self, position: int) -> list[Entry]:
        """Return the events after a position that the ring still has."""
        missed = min(self.version - position, len(self._ring))
        return [self._ring[-number] for number in range(missed, 0, -1)]

    def build_once(self, key: tuple[object, ...], build: Callable[[], T]) -> T:
        """Build an event once for all watchers who need the same; the last few are kept."""
        if key not in self._memo:
            self._memo[key] = build()
            if len(self._memo) > MEMO_MAX_EVENTS:
                self._memo.popitem(last=False)
        built: T = self._memo[key]
        return built

    def row_of(self, user_id: int) -> AttendanceState | None:
        rows = self.roster.values()
        return next((state for state in rows if state.user_id == user_id), None)

    async def wait_for_change(
        self, position: int, end: asyncio.Future[None], user_id: int | None = None
    ) -> None:
        """Return at an event after `position`, with `user_id` at one of that person's, or at `end`.

        A person's events wake only those who wait for that person or for anything.
        """
        loop = asyncio.get_running_loop()
        while not end.done():
            if position < (self.version if user_id is None else self.changed_at[user_id]):
                return
            tick = self._ticks.setdefault(user_id, loop.create_future())
            await asyncio.wait((tick, end), return_when=asyncio.FIRST_COMPLETED)


async def catch_up(hubs: Sequence[Hub], user_ids: Collection[int] = ()) -> None:
    """Read what is new for some hubs, in a few statements; where one is being read, all wait.

    `user_ids` are people whose names may have changed. All is rendered before the first is written:
    by turns, the kernel's code and ours would push each other out of the processor's cache, which
    costs a third more.
    """
    held: list[asyncio.Lock] = []
    writes: list[Write] = []
    for hub in hubs:
        hub.readers += 1
    try:
        for hub in hubs:
            await hub.reading.acquire()
            held.append(hub.reading)
            hub.heard = 0  # one reading covers all; a version that is not in the table costs one
        unread = await read_unread([Since(hub.session_id, hub.version, user_ids) for hub in hubs])
        for hub in hubs:
            writes += hub.take(unread[hub.session_id])
    finally:
        for lock in held:
            lock.release()
        for hub in hubs:
            hub.readers -= 1
        for write in writes:
            write()


def _differ(row: Model, other: Model) -> bool:
    read = _columns_of(type(row))
    return bool(read(row) != read(other))


@cache
def _columns_of(model: type[Model]) -> Callable[[Model], Any]:
    return attrgetter(*model._meta.fields_db_projection)
