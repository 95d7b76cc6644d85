"""The health of the queue of jobs: can it be reached, and how many jobs wait in it?"""

import asyncio
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from domain.queue import GROUP, SET_ASIDE, WAITING, LaneName, jobs_name
from domain.system import Component
from gateways.redis_server import RedisServer

TIMEOUT_S = 1.0
IN_MEMORY = Component(True, "in memory, in this process")
UNREACHABLE = Component(False, "Redis cannot be reached.")


class JobQueue:
    """The process's queue; jobs run in memory until it is opened."""

    def __init__(self) -> None:
        self._server: RedisServer | None = None
        self._redis: Any = None  # redis-py's types allow answers that never come

    def open(self, server: RedisServer) -> None:
        """Use this server's queue from now on."""
        self._server = server
        self._redis = Redis.from_pool(server.pool(TIMEOUT_S))

    async def close(self) -> None:
        if self._redis is not None:
            await self._redis.aclose()
            self._redis = self._server = None

    async def health(self) -> Component:
        """Count, within a second or so, the jobs that no worker has yet and those set aside."""
        server = self._server
        if server is None:
            return IN_MEMORY
        try:
            async with asyncio.timeout(TIMEOUT_S):
                lanes = [jobs_name(server, lane) for lane in LaneName]
                waiting = sum([await self._redis.eval(WAITING, 1, lane, GROUP) for lane in lanes])
                set_aside = await self._redis.xlen(jobs_name(server, SET_ASIDE))
        except (RedisError, OSError):
            return UNREACHABLE
        return Component(True, f"Redis: {waiting} wait, {set_aside} set aside")


queue = JobQueue()
