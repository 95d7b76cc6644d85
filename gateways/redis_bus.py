"""The bus over Redis's pub/sub. It reconnects to a Redis that was killed, frozen or never there.

redis-py reconnects a lost subscription by itself and does not say that messages were missed. So
the listening connection is driven by hand, and each new one is reported as a gap.
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

PING_S = 2.0  # silence before a ping, and after it before the connection counts as lost
ANSWER_S = 2.0
RECONNECT_MIN_S = 0.05
RECONNECT_MAX_S = 2.0


class RedisBus(Backend):
    """Names channels with the number of our Redis database, as all databases share channels."""

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
        self._listener = server.pool(answer_s, retry=Retry(NoBackoff(), 0))
        # Redis closes idle connections: that is found out by using one.
        once = Retry(ExponentialWithJitterBackoff(base=RECONNECT_MIN_S, cap=RECONNECT_MAX_S), 1)
        publisher = server.pool(answer_s, retry=once, health_check_interval=15)
        self._publisher = Redis(connection_pool=publisher)
        self._names: dict[bytes, str] = {}
        self._prefix = server.name(str(self._listener.connection_kwargs.get("db", 0)), "")
        self._connection: AbstractConnection | None = None
        self._is_pinged = False
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
        """Do nothing: `next_published` connects, again and again if it must."""

    async def disconnect(self) -> None:
        await self._hang_up()
        await self._publisher.aclose()
        await self._publisher.connection_pool.disconnect()

    async def subscribe(self, group: str) -> None:
        """Add a channel before listening starts: each new connection subscribes to all."""
        self._names[self._name(group)] = group

    async def unsubscribe(self, group: str) -> None:
        self._names.pop(self._name(group), None)

    async def publish(self, channel: str, message: Any) -> None:
        await self.publish_all([(channel, message)])

    async def publish_all(self, hints: list[Hint]) -> None:
        try:
            async with self._publisher.pipeline(transaction=False) as pipeline:
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
                    return await self._connect_listener()
                event = await self._read(self._connection)
            except Exception as error:
                self._note("listening", error)
                await self._hang_up()
                continue
            if event is not None:
                return event

    async def _connect_listener(self) -> Event:
        """Connect anew and report a gap: messages since the last connection are lost."""
        await asyncio.sleep(self._wait_s * random.uniform(0.5, 1.5))  # noqa: S311
        self._wait_s = min(max(2 * self._wait_s, RECONNECT_MIN_S), RECONNECT_MAX_S)
        connection = self._listener.connection_class(**self._listener.connection_kwargs)
        self._connection = connection
        await connection.connect()  # type: ignore[no-untyped-call]
        await connection.send_command("SUBSCRIBE", *self._names, check_health=False)
        for _ in self._names:
            await connection.read_response()
        self._is_pinged = False
        self._note("listening")
        return Event(GAP, "")

    async def _read(self, connection: AbstractConnection) -> Event | None:
        """Read the next message of ours; None for other answers and after `ping_s` of silence.

        A frozen Redis or a cut line looks like one that has nothing to say: silence is answered
        with a ping, and more silence is an error.
        """
        answer = await connection.read_response(timeout=self._ping_s, disconnect_on_error=False)
        if answer is None:
            if self._is_pinged:
                raise SilentError("no answer to a ping")
            self._is_pinged = True
            await connection.send_command("PING", check_health=False)
            return None
        # Reset here, not on connecting: a connection that is cut again and again stays slow.
        self._wait_s, self._is_pinged = 0.0, False
        match answer:
            case [b"message", bytes(name), bytes(message)] if name in self._names:
                return Event(self._names[name], message.decode(errors="replace"))
        return None

    async def _hang_up(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.disconnect(nowait=True)

    def _name(self, channel: str) -> bytes:
        return f"{self._prefix}{channel}".encode()

    def _note(self, what: str, error: Exception | None = None) -> None:
        """Log once when Redis is lost, and once when it is back."""
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
