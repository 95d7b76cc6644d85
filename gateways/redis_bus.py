"""Hints over Redis's pub/sub. Killed, frozen, restarted or never there: it connects when it can.

redis-py would reconnect a lost subscription by itself and say nothing of what was missed: the
listening connection is driven by hand, and every time it is made, that is told as a gap.
"""

import asyncio
import logging
import random
from collections.abc import Callable
from datetime import datetime
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialWithJitterBackoff, NoBackoff
from redis.exceptions import TimeoutError as SilentError

import clock
from domain.system import Component
from gateways.bus import GAP, Backend, Event
from gateways.hints import Hint
from gateways.redis_server import RedisServer

logger = logging.getLogger("halaqa.bus")

PING_S = 2.0  # of silence, then it is asked; of more silence, then it is lost
ANSWER_S = 2.0
SHORTEST_WAIT_S = 0.05
LONGEST_WAIT_S = 2.0


class RedisBus(Backend):
    """A Redis's databases share their channels: the number of ours is part of their names."""

    def __init__(
        self,
        server: RedisServer,
        *,
        ping_s: float = PING_S,
        answer_s: float = ANSWER_S,
        now: Callable[[], datetime] = clock.now,
    ) -> None:
        self._ping_s = ping_s
        self._now = now
        self._ears = server.pool(answer_s, retry=Retry(NoBackoff(), 0))
        mouth = server.pool(answer_s, retry=_twice(), health_check_interval=15)
        self._mouth = Redis(connection_pool=mouth)
        self._names: dict[bytes, str] = {}
        self._prefix = server.name(str(self._ears.connection_kwargs.get("db", 0)), "")
        self._connection: AbstractConnection | None = None
        self._is_asked = False
        self._wait_s = 0.0
        self._troubles = {"listening": "not begun"}
        self._is_well: bool | None = None
        self._since = now()

    @property
    def health(self) -> Component:
        since = self._since.isoformat(timespec="seconds").replace("+00:00", "Z")
        if self._troubles:
            return Component(False, f"redis does not answer, since {since}")
        return Component(True, f"redis, since {since}")

    async def connect(self) -> None:
        """Nothing yet: `next_published` connects, again and again if it must."""

    async def disconnect(self) -> None:
        await self._hang_up()
        await self._mouth.aclose()
        await self._mouth.connection_pool.disconnect()

    async def subscribe(self, group: str) -> None:
        """Before listening begins: the channels are asked for with each new connection."""
        self._names[self._name(group)] = group

    async def unsubscribe(self, group: str) -> None:
        self._names.pop(self._name(group), None)

    async def publish(self, channel: str, message: Any) -> None:
        await self.publish_all([(channel, message)])

    async def publish_all(self, hints: list[Hint]) -> None:
        try:
            async with self._mouth.pipeline(transaction=False) as pipeline:
                for channel, message in hints:
                    pipeline.publish(self._name(channel), message)
                await pipeline.execute()
        except Exception as error:
            self._note("publishing", error)
            raise
        self._note("publishing")

    async def next_published(self) -> Event:
        while True:
            try:
                if self._connection is None:
                    return await self._begin()
                event = await self._read(self._connection)
            except Exception as error:
                self._note("listening", error)
                await self._hang_up()
                continue
            if event is not None:
                return event

    async def _begin(self) -> Event:
        """Listen anew. What was said since the last time, nobody heard."""
        await asyncio.sleep(self._wait_s * random.uniform(0.5, 1.5))  # noqa: S311
        self._wait_s = min(max(2 * self._wait_s, SHORTEST_WAIT_S), LONGEST_WAIT_S)
        connection = self._ears.connection_class(**self._ears.connection_kwargs)
        self._connection = connection
        await connection.connect()  # type: ignore[no-untyped-call]
        await connection.send_command("SUBSCRIBE", *self._names, check_health=False)
        for _ in self._names:
            await connection.read_response()
        self._is_asked = False
        self._note("listening")
        return Event(GAP, "")

    async def _read(self, connection: AbstractConnection) -> Event | None:
        answer = await connection.read_response(timeout=self._ping_s, disconnect_on_error=False)
        if answer is None:
            await self._ask(connection)
            return None
        # Not when it connects: one that is cut off again and again is not asked for faster.
        self._wait_s, self._is_asked = 0.0, False
        match answer:
            case [b"message", bytes(name), bytes(message)] if name in self._names:
                return Event(self._names[name], message.decode(errors="replace"))
        return None

    async def _ask(self, connection: AbstractConnection) -> None:
        """A Redis that is frozen, or a line that is cut, looks like one that has nothing to say."""
        if self._is_asked:
            raise SilentError("no answer to a ping")
        self._is_asked = True
        await connection.send_command("PING", check_health=False)

    async def _hang_up(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.disconnect(nowait=True)

    def _name(self, channel: str) -> bytes:
        return f"{self._prefix}{channel}".encode()

    def _note(self, what: str, error: Exception | None = None) -> None:
        """Say it once when it is lost, and once when it is back."""
        if error is not None:
            self._troubles[what] = type(error).__name__
        elif self._troubles.pop(what, None) is None:
            return
        is_well = not self._troubles
        if is_well is self._is_well:
            return
        self._is_well, self._since = is_well, self._now()
        if is_well:
            logger.info("message bus connected")
        else:
            logger.warning("message bus does not answer", extra={"reason": str(self._troubles)})


def _twice() -> Retry:
    """A connection that Redis closed for idleness is found out by using it."""
    return Retry(ExponentialWithJitterBackoff(base=SHORTEST_WAIT_S, cap=LONGEST_WAIT_S), 1)
