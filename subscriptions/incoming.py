"""Takes what a client sends from the wire to the app, and keeps nothing of it once it is read."""

import asyncio
from collections import deque
from collections.abc import Generator
from typing import Generic, TypeVar

from websockets.streams import StreamReader
from websockets.utils import apply_mask

from subscriptions.messages import PONGS

T = TypeVar("T")

FINAL_TEXT, MASKED, CLIENT_HEAD_BYTES = 0x81, 0x80, 6  # of a short frame: RFC 6455, section 5.2
PONG_FRAME_LENGTHS = [CLIENT_HEAD_BYTES + len(pong) for pong in PONGS]


def is_pong(data: bytes) -> bool:
    """Return whether this is one whole frame of a client, and a pong message.

    Ten thousand idle clients send some hundreds a second, and the parser costs more than all else.
    """
    return (
        len(data) in PONG_FRAME_LENGTHS
        and data[0] == FINAL_TEXT
        and data[1] == MASKED | len(data) - CLIENT_HEAD_BYTES
        and apply_mask(data[CLIENT_HEAD_BYTES:], data[2:CLIENT_HEAD_BYTES]) in PONGS
    )


class FrameReader(StreamReader):
    """The parser's buffer. Knows when the parser has got whole frames, and nothing of the next.

    websockets' parser calls `at_eof` before each frame, and when it has done with frames.
    """

    is_between_frames = False

    def at_eof(self) -> Generator[None, None, bool]:
        self.is_between_frames = True
        is_over = yield from super().at_eof()
        self.is_between_frames = False
        return is_over


class Gate:
    """Does what asyncio.Event does, which has 750 bytes even if nobody ever waits."""

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: list[asyncio.Future[None]] | None = None  # None: it is open

    def is_set(self) -> bool:
        return self._waiting is None

    def set(self) -> None:
        waiting, self._waiting = self._waiting, None
        for one in waiting or ():
            if not one.done():
                one.set_result(None)

    def clear(self) -> None:
        if self._waiting is None:
            self._waiting = []

    async def wait(self) -> None:
        if self._waiting is not None:
            one = asyncio.get_running_loop().create_future()
            self._waiting.append(one)
            await one


class Inbox(Generic[T]):
    """Does what asyncio.Queue does, for one reader; while it is empty, that one has 3 KiB."""

    __slots__ = ("_came", "_events")

    def __init__(self) -> None:
        self._events: deque[T] | None = None
        self._came: asyncio.Future[None] | None = None  # the reader waits for it

    def empty(self) -> bool:
        return self._events is None

    def put_nowait(self, event: T) -> None:
        if self._events is None:
            self._events = deque()
        self._events.append(event)
        if self._came is not None and not self._came.done():
            self._came.set_result(None)

    async def get(self) -> T:
        while self._events is None:
            self._came = asyncio.get_running_loop().create_future()
            await self._came
        event = self._events.popleft()
        if not self._events:
            self._events = None
        return event
