"""A queue of jobs in Redis: its workers and messages."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

from redis.asyncio import Redis

import clock
from actions.rooms.room_work import Rooms
from domain.queue import GROUP, SET_ASIDE, LaneName, jobs_name
from gateways.livekit import LiveKit
from gateways.redis_server import RedisServer
from models.database.installation import installation
from tasks.broker import StreamBroker
from tasks.work import Jobs
from tasks.worker import Worker
from tests.support.patience import see


async def server_at(url: str) -> RedisServer:
    """The Redis with the names that belong to the open database."""
    return RedisServer.of(url, await installation())


class Queue:
    """Reads the queue, and disturbs it."""

    def __init__(self, server: RedisServer, redis: Redis) -> None:
        self.redis: Any = redis
        self._server = server

    def stream(self, lane: LaneName) -> str:
        return jobs_name(self._server, lane)

    async def put(self, lane: LaneName, **values: bytes) -> bytes:
        number: bytes = await self.redis.xadd(self.stream(lane), values)
        return number

    async def is_empty(self) -> bool:
        """No message waits, and none is under way."""
        numbers = {lane: await self.redis.xlen(self.stream(lane)) for lane in LaneName}
        return not sum(see(numbers).values())

    async def waiting(self, lane: LaneName) -> int:
        return int(await self.redis.xlen(self.stream(lane))) - len(await self.pending(lane))

    async def pending(self, lane: LaneName) -> list[dict[str, Any]]:
        """The messages that a worker got and has not ended."""
        if not await self._is_declared(lane):
            return []
        return list(await self.redis.xpending_range(self.stream(lane), GROUP, "-", "+", 1000))

    async def _is_declared(self, lane: LaneName) -> bool:
        there = await self.redis.exists(self.stream(lane))
        return bool(there and await self.redis.xinfo_groups(self.stream(lane)))

    async def consumers(self, lane: LaneName) -> list[bytes]:
        if not await self._is_declared(lane):
            return []
        return [row["name"] for row in await self.redis.xinfo_consumers(self.stream(lane), GROUP)]

    async def age(self) -> None:
        """Make all pending messages ten minutes old."""
        for lane in LaneName:
            for row in await self.pending(lane):
                named = (self.stream(lane), GROUP, row["consumer"], 0, [row["message_id"]])
                await self.redis.xclaim(*named, idle=600_000, justid=True)

    async def reasons(self) -> list[str]:
        """The reasons of the messages that were set aside."""
        return [
            row[b"reason"].decode()
            for _, row in await self.redis.xrange(jobs_name(self._server, SET_ASIDE))
        ]


@asynccontextmanager
async def looking(url: str) -> AsyncIterator[Queue]:
    async with Redis.from_url(url) as redis:
        yield Queue(await server_at(url), redis)


@asynccontextmanager
async def sending(
    url: str, lane: LaneName, livekit: LiveKit, moment: datetime | None = None
) -> AsyncIterator[Jobs]:
    """Jobs that are sent into a lane; nobody works here."""
    broker = StreamBroker(await server_at(url), lane)
    await broker.startup()
    try:
        yield Jobs(broker, Rooms(livekit), lambda: moment or clock.now())
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
    """A worker of one lane, without a clock. It takes `stale` messages from others."""
    broker = StreamBroker(await server_at(url), lane, stale)
    await broker.startup()
    jobs = Jobs(broker, Rooms(livekit), lambda: moment or clock.now())
    worker = Worker(broker, jobs)
    worker.start()
    try:
        yield jobs
    finally:
        await worker.stop(5)
        await broker.shutdown()
