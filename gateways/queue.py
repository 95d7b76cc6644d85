"""The queue of jobs as others see it: whether it can be reached, and how many wait in it."""

import asyncio
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from domain.queue import GROUP, SET_ASIDE, LaneName
from domain.system import Component

WITHIN_S = 1.0
HERE = Component(True, "in memory, in this process")
GONE = Component(False, "Redis cannot be reached.")


class JobQueue:
    """The process's queue. Until it is opened, jobs are done in memory."""

    def __init__(self) -> None:
        self._redis: Redis | None = None

    def open(self, url: str) -> None:
        self._redis = Redis.from_url(url, socket_timeout=WITHIN_S, socket_connect_timeout=WITHIN_S)

    async def close(self) -> None:
        if self._redis is not None:
            await self._redis.aclose()
            self._redis = None

    async def health(self) -> Component:
        """Within a second or so. What waits is with no worker yet; what is set aside stays."""
        if self._redis is None:
            return HERE
        try:
            async with asyncio.timeout(WITHIN_S):
                waiting, aside = await self._count(self._redis)
        except (RedisError, OSError):
            return GONE
        return Component(True, f"Redis: {waiting} wait, {aside} set aside")

    async def _count(self, redis: Redis) -> tuple[int, int]:
        waiting = sum([await _waiting(redis, lane.stream) for lane in LaneName])
        return waiting, await redis.xlen(SET_ASIDE)


async def _waiting(redis: Any, stream: str) -> int:
    """What is in the stream and with no worker: what is done is not in it any more."""
    async with redis.pipeline(transaction=True) as pipe:
        pipe.xlen(stream).xpending(stream, GROUP)
        length, pending = await pipe.execute(raise_on_error=False)
    if isinstance(length, Exception):
        raise length
    return int(length) - (0 if isinstance(pending, ResponseError) else int(pending["pending"]))


queue = JobQueue()
