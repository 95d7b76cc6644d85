"""The queue of jobs as others see it: whether it can be reached, and how many wait in it."""

import asyncio
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from domain.queue import GROUP, SET_ASIDE, WAITING, LaneName, jobs_name
from domain.system import Component
from gateways.redis_server import RedisServer

WITHIN_S = 1.0
HERE = Component(True, "in memory, in this process")
GONE = Component(False, "Redis cannot be reached.")


class JobQueue:
    """The process's queue. Until it is opened, jobs are done in memory."""

    def __init__(self) -> None:
        self._server: RedisServer | None = None
        self._redis: Any = None  # its types allow answers that it never gives

    def open(self, server: RedisServer) -> None:
        self._server = server
        self._redis = Redis.from_pool(server.pool(WITHIN_S))

    async def close(self) -> None:
        if self._redis is not None:
            await self._redis.aclose()
            self._redis = self._server = None

    async def health(self) -> Component:
        """Within a second or so. What waits is with no worker yet; what is set aside stays."""
        if self._server is None:
            return HERE
        try:
            async with asyncio.timeout(WITHIN_S):
                waiting, aside = await self._count(self._server)
        except (RedisError, OSError):
            return GONE
        return Component(True, f"Redis: {waiting} wait, {aside} set aside")

    async def _count(self, server: RedisServer) -> tuple[int, int]:
        lanes = [jobs_name(server, lane) for lane in LaneName]
        waiting = sum([await self._redis.eval(WAITING, 1, lane, GROUP) for lane in lanes])
        return waiting, await self._redis.xlen(jobs_name(server, SET_ASIDE))


queue = JobQueue()
