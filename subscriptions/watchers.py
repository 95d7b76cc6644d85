"""The people who watch from this process; their rights are checked again when in doubt.

A change of rights names a person; nobody else's operations are touched.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

import clock
from background import Tasks
from domain.access import Audience, Viewer
from execution.context import Context, Services
from gateways.bus import Bus
from gateways.changes import VIEWERS, listen_for_doubts
from models.database.together import Together
from models.reading.viewers import read_changed_rights, read_rights_versions
from subscriptions.backstop import BACKSTOP_S, Backstop
from subscriptions.reauthorisation import reauthorise
from subscriptions.recent_doubts import RecentDoubts
from subscriptions.right import Authorise, Footing, Right
from subscriptions.session_access import (
    Asking,
    OldViewerError,
    SessionAccess,
    authorise_together,
)

logger = logging.getLogger("halaqa.watchers")

NOT_READ = -1  # older than any version


@dataclass(slots=True)
class _Person:
    """`version`: no right that is sure was asked at an older `rights_version`; None: not read."""

    rights: set[Right] = field(default_factory=set)
    version: int | None = None
    is_asking_due: bool = False
    asking: asyncio.Lock = field(default_factory=asyncio.Lock)

    def doubt(self) -> None:
        for right in self.rights:
            right.doubt()


class Watchers:
    """Keeps the rights of all operations that run here, by person."""

    def __init__(
        self,
        bus: Bus,
        backstop_s: float = BACKSTOP_S,
        *,
        now: Callable[[], datetime] = clock.now,
    ) -> None:
        self._bus = bus
        self._now = now
        self._people: dict[int, _Person] = {}
        self._recent = RecentDoubts()
        self._accesses = Together(authorise_together)
        self._tasks = Tasks()
        self._backstop = Backstop(VIEWERS, backstop_s, self.close_gaps)

    @property
    def watching(self) -> dict[int, int]:
        """How many operations each person has."""
        return {user_id: len(person.rights) for user_id, person in self._people.items()}

    async def open(self) -> None:
        listening = listen_for_doubts(self._bus, self._hear, on_gap=self._miss)
        self._backstop.start(listening)

    async def close(self) -> None:
        await self._backstop.stop()
        await self._tasks.cancel()
        await self._accesses.close()

    @asynccontextmanager
    async def holding(
        self, context: Context[Services], authorise: Authorise
    ) -> AsyncIterator[Right]:
        """Give the right of an operation, as long as it runs; `start` it before anything is sent.

        Changes are listened for before the right is asked for: no change is lost.
        """
        user_id = context.viewer.user_id
        right = self._keep(context, authorise)
        person = self._people[user_id]
        try:
            if person.version is None:
                version = (await read_rights_versions([user_id])).get(user_id)
                person.version = version if person.version is None else person.version
            context.right = right
            yield right
        finally:
            self.leave(right)

    @property
    def doubts_so_far(self) -> int:
        """Count, for `sign_in`, the doubts until now; before the viewer is read."""
        return self._recent.count

    def sign_in(self, context: Context[Services], doubts_before: int) -> Right:
        """Return the right to be signed in, of a viewer who was read after these; `leave` it.

        While it is sure, its context's viewer is who they are now. It is in doubt at once where a
        change may have come after the reading.
        """
        viewer = context.viewer
        right = self._keep(context, _authorise_anybody)
        right.start_with(_ANYBODY)
        is_old = (viewer.rights_version or 0) < (self._people[viewer.user_id].version or 0)
        if is_old or self._recent.since(doubts_before, viewer.user_id):
            right.doubt()
            self._reauthorise_soon(viewer.user_id)
        return right

    def _keep(self, context: Context[Services], authorise: Authorise) -> Right:
        viewer = context.viewer
        user_id = viewer.user_id
        ask = None
        if isinstance(authorise, SessionAccess):
            ask = partial(self._ask, context, authorise)
        right = Right(context, authorise, self._now, lambda: self._reauthorise_soon(user_id), ask)
        person = self._people.get(user_id)
        if person is None:
            person = self._people[user_id] = _Person(version=viewer.rights_version)
        person.rights.add(right)
        return right

    async def _ask(
        self, context: Context[Services], access: SessionAccess, now: datetime
    ) -> Footing:
        """Authorise together with all who come now, and the viewer from memory where it is sure."""
        viewer = await context.sure_viewer()
        try:
            footing = await self._accesses.ask(Asking(viewer, access, now))
        except OldViewerError:  # nobody has told us that their rights changed
            former, viewer, footing = viewer, await context.refresh_viewer(), None
            if viewer.rights_version != former.rights_version:
                self._hear(viewer.user_id)
        return await access(viewer, now) if footing is None else footing

    def leave(self, right: Right) -> None:
        """Forget a right: its operation or its socket is over."""
        right.close()
        if person := self._people.get(right.user_id):
            person.rights.discard(right)
            if not person.rights:
                del self._people[right.user_id]

    def _hear(self, user_id: int) -> None:
        self._recent.note(user_id)
        if person := self._people.get(user_id):
            person.doubt()
            self._reauthorise_soon(user_id)

    def _miss(self) -> None:
        self._recent.note_gap()
        self._backstop.hurry()

    def _reauthorise_soon(self, user_id: int) -> None:
        self._tasks.start(self.reauthorise(user_id))

    async def reauthorise(self, user_id: int) -> None:
        """Ask for all of one person's operations, once for all callers meanwhile.

        The backstop asks again for what fails.
        """
        person = self._people.get(user_id)
        if person is None:
            return
        person.is_asking_due = True
        async with person.asking:
            if not person.is_asking_due:
                return
            person.is_asking_due = False
            try:
                version = (await read_rights_versions([user_id])).get(user_id)
                if person.version != version:
                    # Also those that start now: they may have been asked before the change.
                    person.version = version
                    person.doubt()
                await reauthorise(person.rights, self._now())
            except Exception:
                logger.warning("rights not reviewed", exc_info=True, extra={"user": user_id})

    async def close_gaps(self) -> None:
        """Ask again where a `rights_version` changed unheard, or an answer is missing still."""
        people = self._people.items()
        known = {number: NOT_READ if one.version is None else one.version for number, one in people}
        changed = await read_changed_rights(known)
        doubted = {user for user, one in people for right in one.rights if right.is_in_doubt}
        for user_id in sorted(changed | doubted):
            await self.reauthorise(user_id)


_ANYBODY = Footing(Audience.PARTICIPANT)


async def _authorise_anybody(viewer: Viewer, now: datetime) -> Footing:
    return _ANYBODY
