"""What is said on the bus, and how much of it waits to be sent: bounded, whoever takes it."""

import asyncio
import re
from datetime import datetime

Hint = tuple[str, str]  # a channel and its message

SESSIONS = "sessions"  # "12:7": session 12 is at version 7
CLOCK = "clock"  # a moment in ISO 8601: something is newly due then
VIEWERS = "viewers"  # "7": person 7 may have lost a right

_SHAPES = {
    SESSIONS: re.compile(r"[0-9]{1,18}:[0-9]{1,18}"),
    CLOCK: re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{8,15}\+00:00)?"),
    VIEWERS: re.compile(r"[0-9]{1,18}"),
}
CHANNELS = tuple(_SHAPES)
MOST = 10_000


def is_hint(channel: str, message: str) -> bool:
    shape = _SHAPES.get(channel)
    if shape is None or shape.fullmatch(message) is None:
        return False
    return channel != CLOCK or not message or _is_moment(message)


def _is_moment(message: str) -> bool:
    try:
        datetime.fromisoformat(message)
    except ValueError:
        return False
    return True


class Outbox:
    """Of hints that say the same, one is kept: a session's newest version, the earliest moment.

    Beyond `most` the oldest are dropped. They are only hints: who needs them asks anyway.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._hints: dict[Hint, str] = {}
        self._is_filled = asyncio.Event()

    def __len__(self) -> int:
        return len(self._hints)

    def put(self, channel: str, message: str) -> None:
        subject = channel, _subject(channel, message)
        waiting = self._hints.pop(subject, message)
        self._hints[subject] = _stronger(channel, waiting, message)
        if len(self._hints) > self._most:
            del self._hints[next(iter(self._hints))]
        self._is_filled.set()

    async def take(self) -> list[Hint]:
        """All there is, once there is something."""
        await self._is_filled.wait()
        self._is_filled.clear()
        hints, self._hints = self._hints, {}
        return _pairs(hints)

    def put_back(self, hints: list[Hint]) -> None:
        """What could not be sent. It is older than what came since, and gives way to it."""
        since, self._hints = self._hints, {}
        for channel, message in [*hints, *_pairs(since)]:
            self.put(channel, message)


def _pairs(hints: dict[Hint, str]) -> list[Hint]:
    return [(channel, message) for (channel, _), message in hints.items()]


def _subject(channel: str, message: str) -> str:
    return "" if channel == CLOCK else message.partition(":")[0]


def _stronger(channel: str, one: str, other: str) -> str:
    if channel == CLOCK:
        return min(one, other)
    return max(one, other, key=lambda message: (len(message), message))
