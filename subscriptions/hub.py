"""One watched session in this process: its roster, and a ring of its recent events.

Filled from the table when the bell rings, or when the backstop finds it behind. A subscriber is a
position in the ring, never a queue, so what a slow one costs is bounded.
"""

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Any, Self, TypeVar

from tortoise.models import Model

import models
from domain.attendance.state import AttendanceState, Window
from domain.cursors import stream_version
from domain.errors import NotFoundError
from domain.event import ROSTER_KINDS, SessionEventKind
from domain.status import SessionStatus
from models.reading.rosters import read_rosters

T = TypeVar("T")

RING = 1024
# For snapshots a hub reads again what changes without an event: the first few who come have it
# read for each of them, a crowd once a second.
EVERY_S = 1.0
AHEAD_S = 2.0
KEPT = 64  # events built for watchers
BACKLOG = 256  # how much of the past a hub reads when it opens


@dataclass(frozen=True, slots=True)
class Entry:
    """An event, and the version of the one before it that changed the roster."""

    row: models.SessionEvent
    roster_before: int


class Hub:
    def __init__(self, session: models.Session, ring: int = RING) -> None:
        self.session = session
        self.roster: dict[int, AttendanceState] = {}
        self.people: dict[int, models.User] = {}
        # The ring has everything after the floor.
        self.floor = max(0, session.version - min(ring, BACKLOG))
        self.version = self.floor
        self._ring: deque[Entry] = deque(maxlen=ring)
        self._roster_changed = 0
        self._reading = asyncio.Lock()
        self.edition = 0  # another one where the row or somebody's name is another, event or not
        self._refreshed_at = time.monotonic()  # begun; all of it is at least as new
        self._refreshed_until = self._refreshed_at
        self._memo: OrderedDict[tuple[object, ...], Any] = OrderedDict()
        self._told: dict[int, int] = {}  # the last version that changed somebody's row
        # Who waits for anything, under None, and who waits for what happens to one person.
        self._ticks: dict[int | None, asyncio.Future[None]] = {}

    @classmethod
    async def open(cls, session_id: int, ring: int = RING) -> Self:
        """The session as it is: NOT_FOUND where there is none."""
        began = time.monotonic()
        session = await models.Session.get_or_none(id=session_id)
        if session is None:
            raise NotFoundError("No such session.")
        hub = cls(session, ring)
        before = models.SessionEvent.filter(
            session_id=session_id, sequence__lte=hub.floor, kind__in=ROSTER_KINDS
        )
        last = await before.order_by("-sequence").first()
        hub._roster_changed = last.sequence if last else 0
        await hub.catch_up()
        # After the stream: what the roster has that the stream had not is told once more later.
        states = (await read_rosters([session_id])).get(session_id, [])
        hub.roster = {state.participant_id: state for state in states}
        hub.people |= await _people(hub._rostered())
        hub._refreshed_at = began
        return hub

    @property
    def window(self) -> Window:
        return Window.of(self.session.scheduled_at, self.session.ends_at)

    @property
    def is_presence_over(self) -> bool:
        """Nothing more will be told of the roster: the result is final, or there is no session."""
        is_cancelled = self.session.status is SessionStatus.CANCELLED
        return is_cancelled or self.session.finalised_at is not None

    def place_of(self, cursor: str | None) -> int | None:
        """Where a subscriber goes on; None for no, an old, a foreign or a future cursor."""
        version = stream_version(cursor, self.session.id) if cursor else None
        if version is None or not self.floor <= version <= self.version:
            return None
        return version

    def after(self, position: int) -> list[Entry]:
        """The events after a position that the ring still has."""
        skip = len(self._ring) - (self.version - position)
        return list(islice(self._ring, max(0, skip), None))

    async def catch_up(self) -> None:
        """Read what the table has and the ring has not; wake who waits."""
        async with self._reading:
            await self._read()

    async def refresh(self, since: float) -> None:
        """Before a snapshot: the row and people's names, which change without an event too, as
        they were at this reading of the monotonic clock or later; in a storm, a second before."""
        async with self._reading:
            began = time.monotonic()
            if self._refreshed_at >= since or began < self._refreshed_until - AHEAD_S:
                return
            await self._read(self._rostered())
            self._refreshed_at = began
            self._refreshed_until = max(began, self._refreshed_until) + EVERY_S

    async def _read(self, user_ids: Iterable[int] = ()) -> None:
        """The row, the events the ring has not, and these people and whom the events are about."""
        session = await models.Session.get(id=self.session.id)
        rows = await self._news(session.version) if session.version > self.version else []
        people = await _people({*user_ids, *_subjects(rows)})
        # Nothing waits from here on: who looks sees all of what is new, or nothing of it yet.
        if _differ(session, self.session) or any(map(self._is_news, people.values())):
            self.edition += 1
        self.people |= people
        self._publish(session, rows)
        self._wake([None, *_subjects(rows)] if rows else [])

    async def _news(self, until: int) -> list[models.SessionEvent]:
        found = models.SessionEvent.filter(
            session_id=self.session.id, sequence__gt=self.version, sequence__lte=until
        )
        return await found.order_by("sequence")

    def _is_news(self, person: models.User) -> bool:
        known = self.people.get(person.id)
        return known is None or _differ(person, known)

    def _rostered(self) -> set[int]:
        return {state.user_id for state in self.roster.values()}

    def _publish(self, session: models.Session, rows: list[models.SessionEvent]) -> None:
        for row in rows:
            self._ring.append(Entry(row, self._roster_changed))
            if row.kind in ROSTER_KINDS:
                self._roster_changed = row.sequence
            self._change_roster(row)
            if (user_id := _subject(row)) is not None:
                self._told[user_id] = row.sequence
        self.session, self.version = session, session.version
        self.floor = max(self.floor, self.version - len(self._ring))

    def _change_roster(self, row: models.SessionEvent) -> None:
        if row.kind is SessionEventKind.PRESENCE_REMOVED:
            self.roster.pop(row.payload["participant_id"], None)
        elif row.kind is SessionEventKind.PRESENCE_CHANGED:
            state = AttendanceState.from_dict(row.payload)
            self.roster[state.participant_id] = state

    def _wake(self, subjects: Iterable[int | None]) -> None:
        for subject in subjects:
            if tick := self._ticks.pop(subject, None):
                tick.set_result(None)

    def once(self, key: tuple[object, ...], build: Callable[[], T]) -> T:
        """The same event for all who need it; the last few are kept."""
        if key not in self._memo:
            self._memo[key] = build()
            if len(self._memo) > KEPT:
                self._memo.popitem(last=False)
        built: T = self._memo[key]
        return built

    def row_of(self, user_id: int) -> AttendanceState | None:
        rows = self.roster.values()
        return next((state for state in rows if state.user_id == user_id), None)

    def version_of(self, user_id: int | None) -> int:
        """The last version there is; with a person, the last one known that changed their row."""
        return self.version if user_id is None else self._told.get(user_id, 0)

    async def changed(
        self, position: int, end: asyncio.Future[None], user_id: int | None = None
    ) -> None:
        """Return once something is after this position, with a person about them; or at `end`."""
        while self.version_of(user_id) <= position and not end.done():
            loop = asyncio.get_running_loop()
            tick = self._ticks.setdefault(user_id, loop.create_future())
            await asyncio.wait((tick, end), return_when=asyncio.FIRST_COMPLETED)


def _subject(row: models.SessionEvent) -> int | None:
    return row.payload["user_id"] if row.kind.is_presence else None


def _subjects(rows: list[models.SessionEvent]) -> set[int]:
    return {user_id for row in rows if (user_id := _subject(row)) is not None}


def _differ(row: Model, other: Model) -> bool:
    names = row._meta.fields_db_projection
    return any(getattr(row, name) != getattr(other, name) for name in names)


async def _people(user_ids: set[int]) -> dict[int, models.User]:
    found = await models.User.filter(id__in=user_ids) if user_ids else []
    return {person.id: person for person in found}
