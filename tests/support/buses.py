"""Buses as processes have them, each with a listener."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from gateways.bus import Bus
from gateways.hints import SESSIONS
from gateways.redis_bus import RedisBus
from gateways.redis_server import RedisServer
from tests.support.patience import until


@dataclass
class Listening:
    """A process: its bus, the messages it heard, and the number of its gaps."""

    bus: Bus
    heard: list[str] = field(default_factory=list)
    gaps: int = 0

    def miss(self) -> None:
        self.gaps += 1

    async def hears(self, message: str) -> None:
        await until(lambda: message in self.heard)

    async def is_told_of_a_gap(self, *, since: int = 0) -> None:
        await until(lambda: self.gaps > since)


@asynccontextmanager
async def listening(url: str, *, is_there: bool = True) -> AsyncIterator[Listening]:
    """An impatient bus on this Redis, connected if the Redis `is_there`."""
    bus = Bus(RedisBus(RedisServer(url), ping_s=0.1, answer_s=1))
    one = Listening(bus)
    bus.listen(SESSIONS, one.heard.append, on_gap=one.miss)
    await bus.open()
    try:
        if is_there:
            await one.is_told_of_a_gap()
        yield one
    finally:
        await bus.close()
