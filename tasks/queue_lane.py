"""Sends due work through Redis: clocks claim and send it, workers start it."""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime

from actions.writing.due_work import Claim, claim_due, release
from background import apart, cancel
from domain.queue import LaneName
from tasks.broker import StreamBroker
from tasks.lane import WIDTH
from tasks.work import Jobs
from tasks.worker import Worker

logger = logging.getLogger("halaqa.queue")

ANSWER_WITHIN_S = 2.0  # else Redis is left alone until the next fill


class QueueLane:
    """Claims only as much as leaves at most `WIDTH` messages waiting for a worker.

    So claims do not expire in the queue, however long LiveKit is silent or there is no worker.
    Filling runs beside the sweep and asks Redis first: without Redis nothing is claimed, and
    sessions move all the same. A claim that Redis then does not take is released.
    """

    def __init__(
        self,
        name: LaneName,
        broker: StreamBroker,
        jobs: Jobs,
        on_space: Callable[[], None],
        *,
        is_worker: bool,
    ) -> None:
        self._kinds = jobs.kinds(name)
        self._broker = broker
        self._jobs = jobs
        self._worker = Worker(broker, jobs) if is_worker else None
        self._filling: asyncio.Task[None] | None = None
        self._asked_at: datetime | None = None
        self._trouble = ""
        broker.on_space = on_space

    async def open(self) -> None:
        await self._broker.startup()
        if self._worker:
            self._worker.start()

    async def fill(self, now: datetime) -> None:
        """Have due work sent if places are free; else have `on_space` called when some are."""
        self._asked_at = now
        if self._filling is None or self._filling.done():
            self._filling = apart(self._keep_filling())

    async def _keep_filling(self) -> None:
        while self._asked_at is not None:  # asked again meanwhile: there may be free places again
            now, self._asked_at = self._asked_at, None
            try:
                async with asyncio.timeout(ANSWER_WITHIN_S):
                    free = WIDTH - await self._broker.stream.waiting()
                claims = await claim_due(now, free, self._kinds) if free > 0 else []
                is_full = len(claims) >= free
                self._broker.left_until_space = WIDTH // 2 if is_full else 0
                await self._send(claims)
                self._trouble = ""
            except Exception as error:
                trouble = type(error).__name__
                if self._trouble != trouble:
                    logger.warning("work not sent", exc_info=error)
                self._trouble = trouble

    async def _send(self, claims: list[Claim]) -> None:
        """Send the claims, and release those that Redis does not take in time."""
        unsent = claims.copy()
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                for claim in claims:
                    await self._jobs.send(claim)
                    unsent.remove(claim)
        finally:
            for claim in unsent:
                await release(claim)

    async def drain(self, within_s: float) -> None:
        """Let sending and the jobs of this process end."""
        if self._filling:
            await asyncio.wait([self._filling], timeout=within_s)
            await cancel([self._filling])
        if self._worker:
            await self._worker.stop(within_s)

    async def close(self) -> None:
        await self._broker.shutdown()
