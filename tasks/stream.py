"""Keeps a lane's messages in Redis: those that wait and those under way, none that are done."""

import asyncio
import os
import secrets
import socket
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from domain.queue import GROUP, SET_ASIDE, WAITING, LaneName, Server, jobs_name

BLOCK_MS = 2000  # below any socket timeout
STALE_AFTER = timedelta(minutes=1)  # longer than any job lasts
RECLAIM_EVERY_S = 5.0
FORGOTTEN_AFTER = timedelta(minutes=10)
ASIDE_MAX_MESSAGES = 1000

# In one step: a consumer that is given a message meanwhile must not be lost with it.
FORGET = """
for _, consumer in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
  if consumer[4] == 0 and consumer[6] >= tonumber(ARGV[2]) then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], consumer[2])
  end
end
"""
LEAVE = """
local mine = redis.call('XPENDING', KEYS[1], ARGV[1], '-', '+', 1000, ARGV[2])
for _, pending in ipairs(mine) do
  for _, message in ipairs(redis.call('XRANGE', KEYS[1], pending[1], pending[1])) do
    redis.call('XADD', KEYS[1], '*', unpack(message[2]))
  end
  redis.call('XACK', KEYS[1], ARGV[1], pending[1])
  redis.call('XDEL', KEYS[1], pending[1])
end
redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], ARGV[2])
"""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message, delivered for the `times`-th time. `data` is empty if it has none."""

    id: bytes
    data: bytes
    times: int


class JobStream:
    """One process's access to the stream of a lane. Every method may raise RedisError."""

    def __init__(
        self, server: Server, redis: Redis, lane: LaneName, stale: timedelta = STALE_AFTER
    ) -> None:
        self._redis: Any = redis  # its types allow answers that it never gives
        self._lane = lane
        self._name = jobs_name(server, lane)
        self._aside = jobs_name(server, SET_ASIDE)
        self._stale_ms = round(stale / timedelta(milliseconds=1))
        self._consumer = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._reclaims_at = 0.0

    async def declare(self) -> None:
        """Create the stream, if there is none, with the messages that are there already."""
        try:
            await self._redis.xgroup_create(self._name, GROUP, id="0", mkstream=True)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise

    async def next(self) -> Delivery | None:
        """Return a message that a dead worker left, or a new one; None if none came for a while."""
        asked = {self._name: ">"}
        try:
            if reclaimed := await self._reclaim():
                return reclaimed
            found = await self._redis.xreadgroup(
                GROUP, self._consumer, asked, count=1, block=BLOCK_MS
            )
        except ResponseError as error:
            if "NOGROUP" not in str(error):
                raise
            await self.declare()
            return None
        for _, messages in found:
            for number, values in messages:
                return Delivery(number, values.get(b"data", b""), 1)
        return None

    async def _reclaim(self) -> Delivery | None:
        """Take a stale message over, every few seconds, whether or not new ones arrive."""
        now = asyncio.get_running_loop().time()
        if now < self._reclaims_at:
            return None
        stale = await self._redis.xpending_range(
            self._name, GROUP, "-", "+", 1, idle=self._stale_ms
        )
        if not stale:
            self._reclaims_at = now + RECLAIM_EVERY_S
            forgotten_ms = round(FORGOTTEN_AFTER / timedelta(milliseconds=1))
            await self._redis.eval(FORGET, 1, self._name, GROUP, str(forgotten_ms))
            return None
        number, times = stale[0]["message_id"], stale[0]["times_delivered"] + 1
        taken = await self._redis.xclaim(
            self._name, GROUP, self._consumer, self._stale_ms, [number]
        )
        for _, values in taken:  # none where another worker was faster
            return Delivery(number, (values or {}).get(b"data", b""), times)
        return None

    async def done(self, number: bytes) -> None:
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.xack(self._name, GROUP, number).xdel(self._name, number)
            await pipe.execute()

    async def keep_aside(self, data: bytes, reason: str) -> None:
        kept = {"lane": self._lane.value, "reason": reason, "data": data}
        await self._redis.xadd(self._aside, kept, maxlen=ASIDE_MAX_MESSAGES)

    async def waiting(self) -> int:
        """Count the messages that no worker has got yet."""
        return int(await self._redis.eval(WAITING, 1, self._name, GROUP))

    async def leave(self) -> None:
        """Send the unfinished messages of this process again, and remove it as a consumer."""
        await self._redis.eval(LEAVE, 1, self._name, GROUP, self._consumer)
