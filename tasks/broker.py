"""Sends jobs: to this very process, or through Redis to any worker that is free."""

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
from tasks.stream import BLOCK_MS, STALE_AFTER, Delivery, JobStream

logger = logging.getLogger("halaqa.queue")

DELIVERIES_MAX = 3  # a message that is lost more often ends the processes that get it
RETRY_S = 0.5
ANSWER_S = BLOCK_MS / 1000 + 3
LEAVE_WITHIN_S = 2.0


def local_broker() -> AsyncBroker:
    """Return a broker that does all jobs in this process.

    Sending lasts as long as the job does, so the sender knows how much is under way. Messages are
    JSON, and no results are kept.
    """
    return InMemoryBroker(await_inplace=True).with_result_backend(DummyResultBackend())


class StreamBroker(RedisStreamBroker):
    """Jobs of one lane in Redis. A lost or repeated message is harmless: see `due_work.start`.

    Listening goes on through any trouble with Redis. A message that cannot be done is set aside.
    """

    def __init__(self, server: Server, lane: LaneName, stale: timedelta = STALE_AFTER) -> None:
        super().__init__(server.url, jobs_name(server, lane), consumer_group_name=GROUP)
        retry = Retry(ExponentialWithJitterBackoff(base=0.05, cap=0.5), 2)
        self.connection_pool = server.pool(ANSWER_S, health_check_interval=15, retry=retry)
        self.add_middlewares(SettingAside(self.set_aside))
        redis = Redis(connection_pool=self.connection_pool)
        self.stream = JobStream(server, redis, lane, stale)
        self.on_space: Callable[[], None] = lambda: None
        self.left_until_space = 0  # messages to take before `on_space` is called
        self._is_listening = True
        self._trouble = ""

    async def startup(self) -> None:
        """Start without Redis: the first that reads from the stream creates it."""
        await AsyncBroker.startup(self)

    async def leave(self) -> None:
        """Hand this worker's unfinished messages back, after it stopped listening."""
        try:
            async with asyncio.timeout(LEAVE_WITHIN_S):
                await self.stream.leave()
        except (RedisError, OSError):  # others reclaim it
            logger.warning("queue not left", exc_info=True)

    def stop_listening(self) -> None:
        """End `listen` after the read that is under way.

        Taskiq cancels it too, but Python 3.11's `wait_for`, which redis-py uses, can swallow that.
        """
        self._is_listening = False

    async def listen(self) -> AsyncGenerator[AckableMessage, None]:
        while self._is_listening:
            try:
                delivery = await self.stream.next()
            except (RedisError, OSError) as error:
                trouble = type(error).__name__
                if self._trouble != trouble:
                    logger.warning("queue in trouble", exc_info=error)
                self._trouble = trouble
                await asyncio.sleep(RETRY_S)
                continue
            if self._trouble:
                logger.info("queue goes on", extra={"stream": self.queue_name})
                self._trouble = ""
            if delivery is None:
                continue
            self.left_until_space -= 1
            if self.left_until_space == 0:
                self.on_space()
            fault = self._find_fault(delivery)
            if fault is None:
                ack = functools.partial(self._acknowledge, delivery.id)
                yield AckableMessage(data=delivery.data, ack=ack)
            elif await self.set_aside(delivery.data, fault):
                await self._acknowledge(delivery.id)

    def _find_fault(self, delivery: Delivery) -> str | None:
        """Say why no worker can or should do this message; None if nothing is wrong with it."""
        if delivery.times > DELIVERIES_MAX:
            return "It was delivered too often, and nobody came to its end."
        try:
            message = self.formatter.loads(delivery.data)
            if self.find_task(message.task_name) is None:
                return "It names no task of ours."
            Claim.from_dict(*message.args)
        except Exception as error:
            return f"It cannot be read: {type(error).__name__}."
        return None

    async def set_aside(self, data: bytes, reason: str) -> bool:
        """Keep a message where an operator finds it. Return whether it is kept; never raise."""
        logger.error("job set aside", extra={"stream": self.queue_name, "reason": reason})
        try:
            await self.stream.keep_aside(data, reason)
        except (RedisError, OSError):
            logger.warning("job not kept aside", exc_info=True)
            return False
        return True

    async def _acknowledge(self, number: bytes) -> None:
        """Remove a message that is done. Never raise: a message that stays is harmless."""
        try:
            await self.stream.done(number)
        except (RedisError, OSError):
            logger.warning("job not acknowledged", extra={"stream": self.queue_name})
