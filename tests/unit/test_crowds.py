"""Watchers in crowds get each event once, in order, whatever makes them leave and come back."""

import asyncio
import json
from collections.abc import Awaitable, Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.access import Audience, UserRole, Viewer
from domain.errors import ForbiddenError
from execution.context import Context
from execution.selections import NotCompiledError
from subscriptions.crowds import BURST_MAX_BYTES, BURST_MAX_EVENTS, Crowds, Member, Ticket
from subscriptions.right import Footing, Right
from subscriptions.transport import Channel, Outlet, SocketProtocol
from tests.support.wires import Wire

NOW = datetime.fromisoformat("2026-03-02T11:00:00+00:00")


@dataclass
class Numbers:
    """A stream whose events are the numbers of its versions."""

    user_id: int | None = None
    version: int = 0
    floor: int = 0
    ends_at: int | None = None
    asked: int = 0

    def news(self, position: int) -> list[object]:
        self.asked += 1
        return list(range(position + 1, self.version + 1))

    def is_over(self) -> bool:
        return self.version == self.ends_at


@dataclass
class Screen:
    """A subscriber and their socket: what its own task sends, and what is written past it."""

    stream: Numbers
    crowds: Crowds
    wire: Wire
    operation: str = "1"
    key: str = "same"
    unknown: Collection[int] = ()
    by_task: list[int] = field(default_factory=list)
    is_over: bool = False

    def __post_init__(self) -> None:
        channel = getattr(self.wire, "channel", None) or Channel(cast(SocketProtocol, self.wire))
        self.wire.channel = channel  # type: ignore[attr-defined]
        self.wire.on_full = channel.call_back
        self.outlet = Outlet(channel, self.operation)
        viewer = Viewer(1, UserRole.TEACHER, 1)
        context = Context(cast(Any, None), viewer, NOW)
        self.right = Right(context, accept, lambda: NOW, lambda: None)

    def render(self, event: object) -> bytes:
        if event in self.unknown:
            raise NotCompiledError("unknown")
        return json.dumps({"data": event}).encode()

    def join(self) -> Member:
        ticket = Ticket(self.outlet, self.key, self.render)
        return self.crowds.join(self.stream, ticket, self.right)

    async def follow(self) -> None:
        """Do what `streams.follow` does, with numbers."""
        await self.right.start()
        position = 0
        while True:
            await self.right.confirm()
            events, position = self.stream.news(position), self.stream.version
            for event in cast(list[int], events):
                await self.wire.writable.wait()
                self.send(event)
                await self.right.confirm()
            if events:
                continue
            if self.stream.is_over():
                self.is_over = True
                return
            if self.outlet.channel.is_free:
                position = await self.join().wait()
            else:
                await self.wire.writable.wait()

    def send(self, event: int) -> None:
        self.by_task.append(event)
        self.outlet.channel.write(
            json.dumps({"id": self.operation, "payload": {"data": event}}).encode()
        )

    @property
    def got(self) -> list[int]:
        return [told["payload"]["data"] for told in self.told()]

    def told(self) -> Iterator[dict[str, Any]]:
        """The messages of this operation on the wire; each is shorter than 126 bytes."""
        rest = self.wire.written
        while rest:
            length = rest[1]
            message = json.loads(rest[2 : 2 + length])
            rest = rest[2 + length :]
            if message["id"] == self.operation:
                yield message


def tell(crowds: Crowds, subjects: list[int | None]) -> None:
    for write in crowds.prepare(subjects):
        write()


async def accept(viewer: Viewer, now: datetime) -> Footing:
    return Footing(Audience.STAFF)


async def test_an_event_is_written_once_for_all_who_wait_for_the_same() -> None:
    crowds, stream = Crowds(), Numbers()
    screens = [Screen(stream, crowds, Wire()) for _ in range(3)]
    for screen in screens:
        await screen.right.start()
        screen.join()
    stream.version = 2
    tell(crowds, [None])
    assert [screen.got for screen in screens] == [[1, 2]] * 3
    assert stream.asked == 1


async def test_nothing_is_written_to_somebody_whose_right_is_in_doubt() -> None:
    crowds, stream = Crowds(), Numbers()
    sure, doubted = Screen(stream, crowds, Wire()), Screen(stream, crowds, Wire())
    for screen in (sure, doubted):
        await screen.right.start()
    sure.join()
    waiting = doubted.join()
    doubted.right.doubt()
    stream.version = 1
    tell(crowds, [None])
    assert (sure.got, doubted.got) == ([1], [])
    assert await waiting.wait() == 0


async def test_operations_on_a_socket_that_gets_full_are_given_back_to_their_tasks() -> None:
    crowds, stream, wire = Crowds(), Numbers(), Wire(takes=1)
    first, second = Screen(stream, crowds, wire, "1"), Screen(stream, crowds, wire, "2")
    waiting = []
    for screen in (first, second):
        await screen.right.start()
        waiting.append(screen.join())
    stream.version = 1
    tell(crowds, [None])
    assert (first.got, second.got) == ([1], [1])
    assert [await one.wait() for one in waiting] == [1, 1]
    stream.version = 2
    tell(crowds, [None])
    assert (first.got, second.got) == ([1], [1])


async def test_an_event_that_is_not_compiled_is_left_to_each_ones_own_task() -> None:
    crowds, stream = Crowds(), Numbers()
    screen = Screen(stream, crowds, Wire(), unknown={2})
    await screen.right.start()
    waiting = screen.join()
    stream.version = 1
    tell(crowds, [None])
    stream.version = 2
    tell(crowds, [None])
    assert (screen.got, await waiting.wait()) == ([1], 1)


async def test_who_is_behind_the_ring_is_given_back_to_see_the_whole() -> None:
    crowds, stream = Crowds(), Numbers()
    screen = Screen(stream, crowds, Wire())
    await screen.right.start()
    waiting = screen.join()
    stream.version, stream.floor = 9, 7
    tell(crowds, [None])
    assert (screen.got, await waiting.wait()) == ([], 0)


@pytest.mark.parametrize("events", [BURST_MAX_EVENTS + 1, 2])
async def test_a_burst_is_left_to_the_tasks_which_wait_for_their_sockets(events: int) -> None:
    crowds, stream = Crowds(), Numbers()
    screen = Screen(stream, crowds, Wire())
    if events == 2:
        screen.render = lambda event: b"x" * BURST_MAX_BYTES  # type: ignore[method-assign]
    await screen.right.start()
    waiting = screen.join()
    stream.version = events
    tell(crowds, [None])
    assert (screen.wire.written, await waiting.wait()) == (b"", 0)


async def test_a_socket_that_fails_is_only_its_own_trouble() -> None:
    crowds, stream = Crowds(), Numbers()
    wires = [Wire(), Wire(), Wire()]
    wires[1].fails = True
    screens = [Screen(stream, crowds, wire) for wire in wires]
    waiting = []
    for screen in screens:
        await screen.right.start()
        waiting.append(screen.join())
    for version in (1, 2):
        stream.version = version
        tell(crowds, [None])
    assert [screen.got for screen in screens] == [[1, 2], [], [1, 2]]
    assert await waiting[1].wait() == 0


async def test_the_change_of_a_person_is_told_to_those_who_wait_for_it() -> None:
    crowds, one, other = Crowds(), Numbers(user_id=1), Numbers(user_id=2)
    mine, theirs = Screen(one, crowds, Wire()), Screen(other, crowds, Wire())
    for screen in (mine, theirs):
        await screen.right.start()
        screen.join()
    one.version = other.version = 1
    tell(crowds, [None, 1])
    assert (mine.got, theirs.got) == ([1], [])


async def test_the_end_of_a_stream_lets_the_tasks_go_on_after_the_last_event() -> None:
    crowds, stream = Crowds(), Numbers(ends_at=1)
    screen = Screen(stream, crowds, Wire())
    task = asyncio.create_task(screen.follow())
    await settle()
    stream.version = 1
    tell(crowds, [None])
    await task
    assert (screen.got, screen.by_task, screen.is_over) == ([1], [], True)


OF_ONE = ("fill", "free", "doubt", "settle", "complete")
STEPS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["news", "unknown", "rest"])),
        st.tuples(st.sampled_from(OF_ONE), st.integers(0, 5)),
    ),
    max_size=40,
)


@given(STEPS)
def test_everybody_gets_each_event_once_and_in_order(steps: list[tuple[Any, ...]]) -> None:
    async def play() -> None:
        class_ = Classroom()
        await settle()
        for name, *numbers in steps:
            done = getattr(class_, name)(*numbers)
            if done is not None:
                await done
        await class_.end()

    asyncio.run(play())


class Classroom:
    """Six operations on four sockets and in two crowds, and all that can happen to them."""

    def __init__(self) -> None:
        self.crowds, self.stream = Crowds(), Numbers()
        self.unknowns: set[int] = set()
        wires = [Wire() for _ in range(4)]
        self.screens = [
            Screen(self.stream, self.crowds, wires[n % 4], str(n), f"k{n % 2}", self.unknowns)
            for n in range(6)
        ]
        self.tasks = [asyncio.create_task(screen.follow()) for screen in self.screens]
        self.completed: dict[int, int] = {}  # how many events each had got then

    def news(self) -> None:
        self.stream.version += 1
        tell(self.crowds, [None])

    def unknown(self) -> None:
        self.unknowns.add(self.stream.version + 1)
        self.news()

    def rest(self) -> Awaitable[None]:
        return settle()

    def fill(self, number: int) -> None:
        self.screens[number].wire.takes = 1

    def free(self, number: int) -> None:
        self.screens[number].wire.takes = None
        self.screens[number].wire.writable.set()

    def doubt(self, number: int) -> None:
        self.screens[number].right.doubt()

    def settle(self, number: int) -> None:
        right = self.screens[number].right
        right.accept(Footing(Audience.STAFF), NOW, right.doubts)

    def complete(self, number: int) -> None:
        if number not in self.completed:
            self.screens[number].outlet.call_back()
            self.tasks[number].cancel()
            self.completed[number] = len(self.screens[number].got)

    async def end(self) -> None:
        for number in range(6):
            self.free(number)
            self.settle(number)
        await settle()
        for number, screen in enumerate(self.screens):
            last = self.completed.get(number, self.stream.version)
            assert screen.got == list(range(1, last + 1))
            assert (number in self.completed) == self.tasks[number].done()
            self.tasks[number].cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)


async def settle() -> None:
    for _ in range(30):
        await asyncio.sleep(0)


async def test_a_lost_right_ends_the_wait_with_its_error() -> None:
    crowds, stream = Crowds(), Numbers()
    screen = Screen(stream, crowds, Wire())
    task = asyncio.create_task(screen.follow())
    await settle()
    screen.right.refuse(ForbiddenError("no more"))
    stream.version = 1
    tell(crowds, [None])
    (error,) = await asyncio.gather(task, return_exceptions=True)
    assert isinstance(error, ForbiddenError)
    assert screen.got == []
