"""A lane through Redis: clocks claim and send, workers begin."""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime

from actions.writing.due_work import Claim, claim_due, give_back
from background import apart, cancel
from domain.queue import LaneName
from tasks.broker import StreamBroker
from tasks.lane import WIDTH
from tasks.work import Jobs
from tasks.worker import Worker

logger = logging.getLogger("halaqa.queue")

WITHIN_S = 2.0  # that Redis takes a lane's messages, or they are claimed again


class QueueLane:
    """Claims no more than would wait beside what already waits for a worker: `WIDTH` a clock.

    So claims do not run out in the queue, however long LiveKit is silent or there is no worker.
    Filling goes on beside the sweep and asks Redis first: without Redis nothing is claimed, and
    sessions move all the same. What Redis then does not take is given back, to be claimed again.
    """

    def __init__(
        self,
        name: LaneName,
        broker: StreamBroker,
        jobs: Jobs,
        on_room: Callable[[], None],
        *,
        is_worker: bool,
    ) -> None:
        self._kinds = jobs.kinds(name)
        self._broker = broker
        self._jobs = jobs
        self._on_room = on_room
        self._worker = Worker(broker, jobs) if is_worker else None
        self._filling: asyncio.Task[None] | None = None
        self._asked_at: datetime | None = None
        self._left_until_room = 0
        self._trouble = ""
        broker.on_taken = self._taken

    async def open(self) -> None:
        await self._broker.startup()
        if self._worker:
            self._worker.start()

    async def fill(self, now: datetime) -> None:
        """Have what is due sent, if there is room. `on_room` is called when there is again."""
        self._asked_at = now
        if self._filling is None or self._filling.done():
            self._filling = apart(self._keep_filling())

    async def _keep_filling(self) -> None:
        while self._asked_at is not None:  # asked again meanwhile: there may be room again
            now, self._asked_at = self._asked_at, None
            await self._try_to_fill(now)

    async def _try_to_fill(self, now: datetime) -> None:
        try:
            await self._fill(now)
            self._trouble = ""
        except Exception as error:
            kind = type(error).__name__
            if self._trouble != kind:
                logger.warning("work not sent", exc_info=error)
            self._trouble = kind

    async def _fill(self, now: datetime) -> None:
        async with asyncio.timeout(WITHIN_S):
            free = WIDTH - await self._broker.stream.waiting()
        claims = await claim_due(now, free, self._kinds) if free > 0 else []
        is_full = len(claims) >= free
        self._left_until_room = WIDTH // 2 if is_full else 0
        await self._send(claims)

    async def _send(self, claims: list[Claim]) -> None:
        unsent = claims.copy()
        try:
            async with asyncio.timeout(WITHIN_S):
                for claim in claims:
                    await self._jobs.send(claim)
                    unsent.remove(claim)
        finally:
            for claim in unsent:
                await give_back(claim)

    def _taken(self) -> None:
        """A worker of this process got a message, so one less waits."""
        self._left_until_room -= 1
        if self._left_until_room == 0:
            self._on_room()

    async def drain(self, within_s: float) -> None:
        """Let what is being sent and what runs here come to its end."""
        if self._filling:
            await asyncio.wait([self._filling], timeout=within_s)
            await cancel([self._filling])
        if self._worker:
            await self._worker.stop(within_s)

    async def close(self) -> None:
        await self._broker.shutdown()
