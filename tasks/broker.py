"""Where jobs are sent: to this very process, or through Redis to whichever worker is free."""

import asyncio
import functools
import logging
from collections.abc import AsyncGenerator, Callable
from datetime import timedelta

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialWithJitterBackoff
from redis.exceptions import RedisError
from taskiq import AckableMessage, AsyncBroker, InMemoryBroker
from taskiq.result_backends.dummy import DummyResultBackend
from taskiq_redis import RedisStreamBroker

from actions.writing.due_work import Claim
from domain.queue import GROUP, LaneName, Server, jobs_name
from tasks.aside import SettingAside
from tasks.stream import BLOCK_MS, STALE, Delivery, JobStream

logger = logging.getLogger("halaqa.queue")

MOST_DELIVERIES = 3  # a message that was lost more often ends the processes that get it
TRY_AGAIN_S = 0.5
ANSWER_S = BLOCK_MS / 1000 + 3
LEAVE_WITHIN_S = 2.0


def open_broker() -> AsyncBroker:
    """All is done here. Start it with `startup()`, end it with `shutdown()`.

    Sending lasts as long as the job does, so whoever sends knows how much is under way. Messages
    are JSON, and no results are kept.
    """
    return InMemoryBroker(await_inplace=True).with_result_backend(DummyResultBackend())


class StreamBroker(RedisStreamBroker):
    """A lane's jobs in Redis. A message that is lost or comes twice is harmless: see `begin`.

    Its listener outlives any trouble with Redis. A message that cannot be done is set aside.
    """

    def __init__(self, server: Server, lane: LaneName, stale: timedelta = STALE) -> None:
        super().__init__(server.url, jobs_name(server, lane), consumer_group_name=GROUP)
        retry = Retry(ExponentialWithJitterBackoff(base=0.05, cap=0.5), 2)
        self.connection_pool = server.pool(ANSWER_S, health_check_interval=15, retry=retry)
        self.add_middlewares(SettingAside(self.set_aside))
        redis = Redis(connection_pool=self.connection_pool)
        self.stream = JobStream(server, redis, lane, stale)
        self.on_taken: Callable[[], None] = lambda: None
        self._is_listening = True
        self._trouble = ""

    async def startup(self) -> None:
        """Needs no Redis: the stream is begun by whoever first reads from it."""
        await AsyncBroker.startup(self)

    async def leave(self) -> None:
        """A worker stops to listen: nothing that it got stays with it."""
        try:
            async with asyncio.timeout(LEAVE_WITHIN_S):
                await self.stream.leave()
        except (RedisError, OSError):  # others reclaim it
            logger.warning("queue not left", exc_info=True)

    def hush(self) -> None:
        """Listen no more, once what is being read is answered: taskiq cancels it, and Python
        3.11's `wait_for`, which redis-py uses, can swallow that."""
        self._is_listening = False

    async def listen(self) -> AsyncGenerator[AckableMessage, None]:
        while self._is_listening:
            delivery = await self._next()
            if delivery is None:
                continue
            self.on_taken()
            done = functools.partial(self._done, delivery.id)
            reason = self._what_is_wrong_with(delivery)
            if reason is None:
                yield AckableMessage(data=delivery.data, ack=done)
            elif await self.set_aside(delivery.data, reason):
                await done()

    async def _next(self) -> Delivery | None:
        try:
            delivery = await self.stream.next()
        except (RedisError, OSError) as error:
            await self._recover(error)
            return None
        if self._trouble:
            logger.info("queue goes on", extra={"stream": self.queue_name})
            self._trouble = ""
        return delivery

    async def _recover(self, error: Exception) -> None:
        try:
            if "NOGROUP" not in str(error):
                raise error
            await self.stream.declare()
        except (RedisError, OSError) as error:
            kind = type(error).__name__
            if self._trouble != kind:
                logger.warning("queue in trouble", exc_info=error)
            self._trouble = kind
            await asyncio.sleep(TRY_AGAIN_S)

    def _what_is_wrong_with(self, delivery: Delivery) -> str | None:
        if delivery.times > MOST_DELIVERIES:
            return "It was delivered too often, and nobody came to its end."
        try:
            message = self.formatter.loads(delivery.data)
            if self.find_task(message.task_name) is None:
                return "It names no task of ours."
            Claim.heard(*message.args)
        except Exception as error:
            return f"It cannot be read: {type(error).__name__}."
        return None

    async def set_aside(self, data: bytes, reason: str) -> bool:
        """Keep it where an operator finds it, and say so. Never raises; whether it is kept."""
        logger.error("job set aside", extra={"stream": self.queue_name, "reason": reason})
        try:
            await self.stream.keep_aside(data, reason)
        except (RedisError, OSError):
            logger.warning("job not kept aside", exc_info=True)
            return False
        return True

    async def _done(self, number: bytes) -> None:
        """Never raises: what is not acknowledged comes again and does nothing."""
        try:
            await self.stream.done(number)
        except (RedisError, OSError):
            logger.warning("job not acknowledged", extra={"stream": self.queue_name})
