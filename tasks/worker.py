"""Does the jobs of a lane that this process takes from Redis, so many at once."""

import asyncio
import logging

from taskiq.receiver import Receiver

from background import apart, cancel
from tasks.broker import StreamBroker
from tasks.lane import WIDTH
from tasks.work import Jobs

logger = logging.getLogger("halaqa.queue")

RETRY_S = 1.0
END_WITHIN_S = 2.0  # a cancelled job, which releases its work


class Worker:
    """Takes a message only when it can start it. `stop` leaves nothing behind."""

    def __init__(self, broker: StreamBroker, jobs: Jobs) -> None:
        self._broker = broker
        self._jobs = jobs
        self._stopping = asyncio.Event()
        self._listening: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._listening = apart(self._listen())

    async def _listen(self) -> None:
        while not self._stopping.is_set():
            receiver = Receiver(self._broker, max_async_tasks=WIDTH, run_startup=False)
            try:
                await receiver.listen(self._stopping)  # and until the last job ended
            except Exception:
                logger.exception("worker in trouble")
                await asyncio.sleep(RETRY_S)

    async def stop(self, within_s: float) -> None:
        """Take no more messages and let jobs end; those that take longer release their work."""
        if self._listening is None:
            return
        self._stopping.set()
        self._broker.stop_listening()
        await asyncio.wait([self._listening], timeout=within_s)
        await cancel(self._jobs.running)
        await asyncio.wait([self._listening], timeout=END_WITHIN_S)
        await cancel([self._listening])
        await self._broker.leave()
