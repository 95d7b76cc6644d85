"""The people who watch from this process: when one may have lost a right, theirs are asked again.

The bell rings for a person; nobody else's operations are touched.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

import clock
from domain.access import Audience, Viewer
from execution.context import Context, Services
from gateways.bus import VIEWERS, Bus
from models.database import sql
from subscriptions.backstop import BACKSTOP_S, Backstop
from subscriptions.review import review
from subscriptions.right import Admit, Footing, Right

logger = logging.getLogger("halaqa.watchers")


@dataclass(slots=True)
class _Person:
    """`version` is the `rights_version` their rights were last asked at; None: not read yet."""

    rights: set[Right] = field(default_factory=set)
    version: int | None = None
    is_due: bool = False  # a review is wanted that has not begun
    reviewing: asyncio.Lock = field(default_factory=asyncio.Lock)


class Watchers(Backstop):
    channel = VIEWERS

    def __init__(
        self,
        bus: Bus,
        backstop_s: float = BACKSTOP_S,
        *,
        now: Callable[[], datetime] = clock.now,
    ) -> None:
        super().__init__(bus, backstop_s)
        self._now = now
        self._people: dict[int, _Person] = {}

    @property
    def watching(self) -> dict[int, int]:
        """How many operations each person has."""
        return {user_id: len(person.rights) for user_id, person in self._people.items()}

    @asynccontextmanager
    async def holding(self, context: Context[Services], admit: Admit) -> AsyncIterator[Right]:
        """The right of an operation, as long as it runs; begin it before anything is sent.

        Changes are listened for before the right is asked for: nothing falls between.
        """
        user_id = context.viewer.user_id
        right = Right(context, admit, self._now, partial(self._review_soon, user_id))
        person = self._people.setdefault(user_id, _Person())
        person.rights.add(right)
        try:
            await self._note_version(user_id, person)
            context.right = right
            yield right
        finally:
            right.close()
            person.rights.discard(right)
            if not person.rights and self._people.get(user_id) is person:
                del self._people[user_id]

    async def stay_signed_in(self, context: Context[Services]) -> None:
        """As long as the context's viewer is somebody: UnauthenticatedError when that is over.

        Returns when their token expires, which has a timer of its own.
        """
        async with self.holding(context, _anybody) as right:
            await right.begin()
            await right.lost
            if not right.has_expired:
                await right.confirm()

    async def _note_version(self, user_id: int, person: _Person) -> None:
        if person.version is None:
            version = (await _versions([user_id])).get(user_id)
            person.version = version if person.version is None else person.version

    def _hear(self, hint: str) -> None:
        user_id = int(hint)
        if user_id in self._people:
            for right in self._people[user_id].rights:
                right.doubt()
            self._review_soon(user_id)

    def _review_soon(self, user_id: int) -> None:
        self._start(self._review(user_id))

    async def _review(self, user_id: int) -> None:
        """Ask for all of one person's operations, once for all who want it meanwhile."""
        person = self._people.get(user_id)
        if person is None:
            return
        person.is_due = True
        async with person.reviewing:
            if person.is_due:
                person.is_due = False
                await self._ask_for(user_id, person)

    async def _ask_for(self, user_id: int, person: _Person) -> None:
        """What fails is asked again by the backstop."""
        try:
            version = (await _versions([user_id])).get(user_id)
            await review(person.rights, self._now())
            person.version = version
        except Exception:
            logger.warning("rights not reviewed", exc_info=True, extra={"user": user_id})

    async def close_gaps(self) -> None:
        """A statement or a few: has somebody's `rights_version` moved since they were asked?"""
        for some in sql.batches(sorted(self._people)):
            versions = await _versions(some)
            for user_id, version in versions.items():
                person = self._people.get(user_id)
                if person is not None and _is_behind(person, version):
                    await self._review(user_id)


async def _anybody(viewer: Viewer, now: datetime) -> Footing:
    return Footing(Audience.PARTICIPANT)


def _is_behind(person: _Person, version: int) -> bool:
    """Something changed since they were asked, or asking failed."""
    return person.version != version or any(right.is_in_doubt for right in person.rights)


async def _versions(user_ids: Sequence[int]) -> dict[int, int]:
    places = sql.places(len(user_ids))
    rows = await sql.query(
        f"SELECT id, rights_version FROM users WHERE id IN ({places})", *user_ids
    )
    return {row["id"]: row["rights_version"] for row in rows}
