"""Does due work in this process: each kind in its lane, and so much of a lane at once."""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime
from functools import partial

from actions.writing.due_work import Claim, claim_due
from background import apart, cancel
from domain.session import WorkKind
from tasks.work import Jobs

logger = logging.getLogger("halaqa.work")

WIDTH = 20  # jobs of a lane at once


class Lane:
    """Claims no more than it can start at once, so that no claim expires while it waits.

    Rooms have a lane of their own: a silent LiveKit fills it, and holds up nothing else.
    """

    def __init__(
        self, jobs: Jobs, kinds: tuple[WorkKind, ...], on_space: Callable[[], None]
    ) -> None:
        self._jobs = jobs
        self._kinds = kinds
        self._on_space = on_space
        self._running: set[asyncio.Task[None]] = set()
        self._is_full = False

    async def open(self) -> None:
        await self._jobs.broker.startup()

    async def fill(self, now: datetime) -> None:
        """Start due work while places are free; call `on_space` when a full lane is half empty."""
        free = WIDTH - len(self._running)
        claims = await claim_due(now, free, self._kinds) if free else []
        self._is_full = len(claims) == free
        for claim in claims:
            job = apart(self._jobs.send(claim))
            self._running.add(job)
            job.add_done_callback(partial(self._end, claim))

    def _end(self, claim: Claim, job: asyncio.Task[None]) -> None:
        error = None if job.cancelled() else job.exception()
        if error:  # its claim runs out, and it is claimed again
            logger.error("work not sent", exc_info=error, extra={"work": claim.kind.value})
        self._running.discard(job)
        if self._is_full and len(self._running) <= WIDTH // 2:
            self._is_full = False
            self._on_space()

    async def drain(self, within_s: float) -> None:
        """Let running jobs end; cancel those that take longer."""
        if self._running:
            await asyncio.wait(self._running, timeout=within_s)
        await cancel(self._running)

    async def close(self) -> None:
        await self._jobs.broker.shutdown()
