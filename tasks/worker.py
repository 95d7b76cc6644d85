"""The jobs of a lane that this process takes from Redis, so many at once."""

import asyncio
import logging

from taskiq.receiver import Receiver

from background import apart, cancel
from tasks.broker import StreamBroker
from tasks.lane import WIDTH
from tasks.work import Jobs

logger = logging.getLogger("halaqa.queue")

TRY_AGAIN_S = 1.0
END_WITHIN_S = 2.0  # that a job takes to give its work back


class Worker:
    """Takes a message only when it can begin it. `stop` leaves nothing behind."""

    def __init__(self, broker: StreamBroker, jobs: Jobs) -> None:
        self._broker = broker
        self._jobs = jobs
        self._told = asyncio.Event()
        self._listening: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._listening = apart(self._listen())

    async def _listen(self) -> None:
        while not self._told.is_set():
            receiver = Receiver(self._broker, max_async_tasks=WIDTH, run_startup=False)
            try:
                await receiver.listen(self._told)  # and until the last job ended
            except Exception:
                logger.exception("worker in trouble")
                await asyncio.sleep(TRY_AGAIN_S)

    async def stop(self, within_s: float) -> None:
        """Take nothing more and let what runs end; what takes longer gives its work back."""
        if self._listening is None:
            return
        self._told.set()
        self._broker.hush()
        await asyncio.wait([self._listening], timeout=within_s)
        await cancel(self._jobs.running)
        await asyncio.wait([self._listening], timeout=END_WITHIN_S)
        await cancel([self._listening])
        await self._broker.leave()
