"""Hints are the bus's messages: their wire form, and how many of them wait to be sent."""

import asyncio
import re
from datetime import datetime

Hint = tuple[str, str]  # a channel and its message

SESSIONS = "sessions"  # "12:7": session 12 is at version 7
CLOCK = "clock"  # a moment in ISO 8601: something is newly due then
VIEWERS = "viewers"  # "7": person 7 may have lost a right

_SHAPES = {
    SESSIONS: re.compile(r"[0-9]{1,18}:[0-9]{1,18}"),
    CLOCK: re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{8,15}\+00:00"),
    VIEWERS: re.compile(r"[0-9]{1,18}"),
}
CHANNELS = tuple(_SHAPES)
OUTBOX_MAX_HINTS = 10_000


def is_hint(channel: str, message: str) -> bool:
    """Tell our own messages from others that share the Redis."""
    shape = _SHAPES.get(channel)
    if shape is None or shape.fullmatch(message) is None:
        return False
    if channel == CLOCK:
        try:
            datetime.fromisoformat(message)
        except ValueError:
            return False
    return True


class Outbox:
    """Keeps one of the hints that say the same: a session's newest version, the earliest moment.

    Beyond `most` it drops the oldest. They are only hints: listeners read the tables anyway.
    """

    def __init__(self, most: int = OUTBOX_MAX_HINTS) -> None:
        self._most = most
        self._hints: dict[Hint, str] = {}  # the message by its channel and subject
        self._is_filled = asyncio.Event()

    def __len__(self) -> int:
        return len(self._hints)

    def put(self, channel: str, message: str) -> None:
        subject = channel, "" if channel == CLOCK else message.partition(":")[0]
        waiting = self._hints.pop(subject, message)
        if channel == CLOCK:
            self._hints[subject] = min(waiting, message)
        else:  # the longer number is the greater one
            self._hints[subject] = max(waiting, message, key=lambda one: (len(one), one))
        if len(self._hints) > self._most:
            del self._hints[next(iter(self._hints))]
        self._is_filled.set()

    async def take(self) -> list[Hint]:
        """Wait for something, then return all there is."""
        await self._is_filled.wait()
        self._is_filled.clear()
        hints, self._hints = self._hints, {}
        return _pairs(hints)

    def put_back(self, hints: list[Hint]) -> None:
        """Keep what could not be sent, behind what was put since."""
        since, self._hints = self._hints, {}
        for channel, message in [*hints, *_pairs(since)]:
            self.put(channel, message)


def _pairs(hints: dict[Hint, str]) -> list[Hint]:
    return [(channel, message) for (channel, _), message in hints.items()]
