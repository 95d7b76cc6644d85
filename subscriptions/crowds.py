"""Crowds: those who wait for the same and have all there is. What is new is written to all at once.

A subscriber's own task, and all that GraphQL does for it, costs far more than its message. So the
task is parked while nothing is in doubt: the hub renders an event once and writes to each socket.
The task goes on, from where its client is, when its right is in doubt or lost, its socket is full,
its operation ends, or an event comes that only graphql-core can answer.
"""

import asyncio
import logging
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from domain.errors import DomainError
from execution.selections import NotCompiledError, Write
from subscriptions.right import Right
from subscriptions.transport import Outlet, Way, write_to_all

logger = logging.getLogger("halaqa.crowds")


class Stream(Protocol):
    """A stream of one session. With `user_id` only what happens to this person is news."""

    @property
    def user_id(self) -> int | None: ...

    @property
    def version(self) -> int:
        """Return the version that the session's hub is at."""

    def news(self, position: int) -> list[object]:
        """Return the events to send after a position."""

    def is_over(self) -> bool:
        """Return whether nothing can be new any more; may raise what ends the stream."""


@dataclass(frozen=True, slots=True)
class Parking:
    """How an operation can be parked: those of an equal key are sent the text `write` makes."""

    outlet: Outlet
    key: Hashable
    write: Write


class Crowd:
    """The parked subscribers of one stream who are sent the same text.

    `position` is the version that their clients have, `texts` counts what was written.
    """

    def __init__(self, stream: Stream, write: Write, forget: Callable[[], object]) -> None:
        self.position = stream.version
        self.texts = 0
        self.members: dict[Parked, Way] = {}
        self._stream = stream
        self._write = write
        self._forget = forget  # called when the last one leaves

    def tell(self) -> None:
        """Write what is new to everybody. Where that cannot be, their own tasks go on."""
        is_over = True
        try:
            texts = [self._write(event) + b"}" for event in self._stream.news(self.position)]
            is_over = self._stream.is_over()
        except Exception as error:  # their tasks meet it too, and answer it
            if not isinstance(error, NotCompiledError | DomainError):
                logger.warning("crowd not told", exc_info=True)
        else:
            for text in texts:
                write_to_all(self.members.values(), text)
            self.texts += len(texts)
            self.position = self._stream.version
        if is_over:
            for member in tuple(self.members):
                member.leave()

    def remove(self, member: "Parked") -> None:
        del self.members[member]
        if not self.members:
            self._forget()


class Parked:
    """One subscriber in a crowd."""

    __slots__ = ("_crowd", "_ended", "_outlet", "_right", "_texts")

    def __init__(self, crowd: Crowd, outlet: Outlet, right: Right) -> None:
        self._crowd, self._outlet, self._right = crowd, outlet, right
        self._ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._texts = crowd.texts
        crowd.members[self] = outlet.way
        outlet.park(self.leave)
        right.on_hold = self.leave

    async def wait(self) -> int:
        """Wait until the operation's own task has to go on; return where its client is."""
        try:
            return await self._ended
        finally:
            self.leave()

    def leave(self) -> None:
        """Get nothing more written from here on."""
        if self in self._crowd.members:
            self._crowd.remove(self)
            self._outlet.unpark()
            self._outlet.has_written |= self._crowd.texts > self._texts
            self._right.on_hold = None
            if not self._ended.done():
                self._ended.set_result(self._crowd.position)


class Crowds:
    """The crowds of one hub, by whose changes they wait for (None: everybody's), and by key."""

    def __init__(self) -> None:
        self._crowds: dict[int | None, dict[Hashable, Crowd]] = {}

    def park(self, stream: Stream, parking: Parking, right: Right) -> Parked:
        """Add a subscriber whose client has all there is."""
        crowds, key = self._crowds.setdefault(stream.user_id, {}), parking.key
        if key not in crowds:
            crowds[key] = Crowd(stream, parking.write, partial(crowds.pop, key))
        return Parked(crowds[key], parking.outlet, right)

    def tell(self, subjects: Iterable[int | None]) -> None:
        """Tell the crowds that wait for any change, or for one of these people's."""
        for subject in subjects:
            for crowd in tuple(self._crowds.get(subject, {}).values()):
                crowd.tell()
