"""A queue of jobs in Redis: workers, what is in it, and what should not be."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

from redis.asyncio import Redis

import clock
from domain.queue import GROUP, SET_ASIDE, LaneName
from gateways.livekit import LiveKit
from tasks.broker import StreamBroker
from tasks.work import Jobs
from tasks.worker import Worker


class Queue:
    """Looks into the queue, and disturbs it."""

    def __init__(self, redis: Redis) -> None:
        self.redis: Any = redis

    async def put(self, lane: LaneName, **values: bytes) -> bytes:
        number: bytes = await self.redis.xadd(lane.stream, values)
        return number

    async def is_empty(self) -> bool:
        """Nothing waits, and nothing is under way."""
        return not sum([await self.redis.xlen(lane.stream) for lane in LaneName])

    async def waiting(self, lane: LaneName) -> int:
        return int(await self.redis.xlen(lane.stream)) - len(await self.pending(lane))

    async def pending(self, lane: LaneName) -> list[dict[str, Any]]:
        """What some worker got and has not ended."""
        if not await self._is_declared(lane):
            return []
        return list(await self.redis.xpending_range(lane.stream, GROUP, "-", "+", 1000))

    async def _is_declared(self, lane: LaneName) -> bool:
        there = await self.redis.exists(lane.stream)
        return bool(there and await self.redis.xinfo_groups(lane.stream))

    async def consumers(self, lane: LaneName) -> list[bytes]:
        return [row["name"] for row in await self.redis.xinfo_consumers(lane.stream, GROUP)]

    async def age(self) -> None:
        """As if all that is under way had been so for ten minutes."""
        for lane in LaneName:
            for row in await self.pending(lane):
                named = (lane.stream, GROUP, row["consumer"], 0, [row["message_id"]])
                await self.redis.xclaim(*named, idle=600_000, justid=True)

    async def reasons(self) -> list[str]:
        """Why messages were set aside."""
        return [row[b"reason"].decode() for _, row in await self.redis.xrange(SET_ASIDE)]


@asynccontextmanager
async def looking(url: str) -> AsyncIterator[Queue]:
    async with Redis.from_url(url) as redis:
        yield Queue(redis)


@asynccontextmanager
async def sending(
    url: str, lane: LaneName, livekit: LiveKit, moment: datetime | None = None
) -> AsyncIterator[Jobs]:
    """Jobs that are sent into a lane; nobody works here."""
    broker = StreamBroker(url, lane)
    await broker.startup()
    try:
        yield Jobs(broker, livekit, lambda: moment or clock.now())
    finally:
        await broker.shutdown()


@asynccontextmanager
async def working(
    url: str,
    lane: LaneName,
    livekit: LiveKit,
    moment: datetime | None = None,
    stale: timedelta = timedelta(minutes=1),
) -> AsyncIterator[Jobs]:
    """A worker of one lane, without a clock. What is `stale` it takes from others."""
    broker = StreamBroker(url, lane, stale)
    await broker.startup()
    jobs = Jobs(broker, livekit, lambda: moment or clock.now())
    worker = Worker(broker, jobs)
    worker.start()
    try:
        yield jobs
    finally:
        await worker.stop(5)
        await broker.shutdown()
