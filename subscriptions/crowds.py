"""Crowds: those who wait for the same and have all there is. What is new is written to all at once.

A watcher's own task, and all that GraphQL does for it, costs far more than its message. So the task
stands in a crowd while nothing is in doubt (it comes by `follow` in streams.py and `wait` in
watch.py): the hub renders an event once, and writes it to each socket. The task is called back, and
goes on from where its client is, when its right is in doubt or lost, its socket is full, its
operation ends, or an event comes that only graphql-core can answer.
"""

import asyncio
import logging
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from domain.errors import DomainError
from execution.selections import NotCompiledError, Render
from subscriptions.right import Right
from subscriptions.transport import Outlet, Way, write_to_all

logger = logging.getLogger("halaqa.crowds")

# More than this at once is left to the tasks, which wait for their sockets after each event.
BURST_MAX_EVENTS = 16
BURST_MAX_BYTES = 64 * 1024


Write = Callable[[], None]  # writes what was rendered to those who are in the crowd then


class Stream(Protocol):
    """A stream of one session. With `user_id` only what happens to this person is news."""

    @property
    def user_id(self) -> int | None: ...

    @property
    def version(self) -> int:
        """Return the version that the session's hub is at."""

    @property
    def floor(self) -> int:
        """Return the position before which it is not known what is news."""

    def news(self, position: int) -> list[object]:
        """Return the events to send after a position."""

    def is_over(self) -> bool:
        """Return whether nothing can be new any more; may raise what ends the stream."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """Lets an operation into a crowd: those of an equal key are sent the text of `render`."""

    outlet: Outlet
    key: Hashable
    render: Render


class Crowd:
    """The watchers of one stream who are sent the same text; `position` is what they all have."""

    def __init__(self, stream: Stream, render: Render, forget: Callable[[], object]) -> None:
        self.position = stream.version
        self.members: dict[Member, Way] = {}
        self._stream = stream
        self._render = render
        self._forget = forget  # called when the last one leaves

    def prepare(self) -> Write:
        """Render what is new; return what writes it to everybody.

        Where that cannot be, return what calls their own tasks back. Nothing may be awaited in
        between.
        """
        try:
            texts = self._render_news()
            is_over = self._stream.is_over()
        except Exception as error:  # their tasks meet it too, and answer it
            cause = error.__cause__ or error
            if not isinstance(cause, NotCompiledError | DomainError | LookupError):
                logger.warning("crowd not told", exc_info=True)
            return self._call_all_back
        return lambda: self._write(texts, is_over=is_over)

    def _write(self, texts: list[bytes], *, is_over: bool) -> None:
        before, self.position = self.position, self._stream.version
        for text in texts:
            for failed in write_to_all(self.members, text):
                failed.leave(before)
        if is_over:
            self._call_all_back()

    def _render_news(self) -> list[bytes]:
        """Render what is new; NotCompiledError where each task has to see for itself."""
        if self.position < self._stream.floor:
            raise NotCompiledError("the ring has moved on: each needs the whole")
        events = self._stream.news(self.position)
        if len(events) > BURST_MAX_EVENTS:
            raise NotCompiledError("a burst: each takes it as its socket does")
        texts = [self._render(event) for event in events]
        if len(texts) > 1 and sum(map(len, texts)) > BURST_MAX_BYTES:
            raise NotCompiledError("a long burst")
        return texts

    def _call_all_back(self) -> None:
        for member in tuple(self.members):
            member.leave()

    def remove(self, member: "Member") -> None:
        del self.members[member]
        if not self.members:
            self._forget()


class Member:
    """One watcher in a crowd."""

    __slots__ = ("_crowd", "_left", "_outlet", "_right")

    def __init__(self, crowd: Crowd, outlet: Outlet, right: Right) -> None:
        self._crowd, self._outlet, self._right = crowd, outlet, right
        self._left: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        crowd.members[self] = outlet.way
        outlet.join(self.leave)
        right.on_hold = self.leave

    async def wait(self) -> int:
        """Wait until the operation's own task is called back; return where its client is."""
        try:
            return await self._left
        finally:
            self.leave()

    def leave(self, position: int | None = None) -> None:
        """Get nothing more written from here on; `position`: the client has no more than this."""
        if self in self._crowd.members:
            self._crowd.remove(self)
            self._outlet.leave()
            self._right.on_hold = None
            if not self._left.done():
                self._left.set_result(self._crowd.position if position is None else position)


class Crowds:
    """The crowds of one hub, by whose changes they wait for (None: everybody's), and by key."""

    def __init__(self) -> None:
        self._crowds: dict[int | None, dict[Hashable, Crowd]] = {}

    def join(self, stream: Stream, ticket: Ticket, right: Right) -> Member:
        """Add a watcher whose client has all there is."""
        crowds, key = self._crowds.setdefault(stream.user_id, {}), ticket.key
        if key not in crowds:
            forget = partial(self._forget, stream.user_id, key)
            crowds[key] = Crowd(stream, ticket.render, forget)
        return Member(crowds[key], ticket.outlet, right)

    def _forget(self, user_id: int | None, key: Hashable) -> None:
        del self._crowds[user_id][key]
        if not self._crowds[user_id]:
            del self._crowds[user_id]

    def prepare(self, subjects: Iterable[int | None]) -> list[Write]:
        """Render for the crowds that wait for any change, or for one of these people's."""
        return [
            crowd.prepare()
            for subject in subjects
            if subject in self._crowds
            for crowd in self._crowds[subject].values()
        ]
