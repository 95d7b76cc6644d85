"""Work under way: only so much at once, and each kind in its own lane."""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime

from actions.writing.due_work import Claim, claim_due
from background import apart, cancel
from domain.session import WorkKind
from tasks.work import Jobs

logger = logging.getLogger("halaqa.work")

WIDTH = 20


class Lane:
    """Claims no more than it can begin at once, so that no claim runs out while it waits.

    Rooms have a lane of their own: a LiveKit that is silent fills it, and holds up nothing else.
    """

    def __init__(
        self, jobs: Jobs, kinds: tuple[WorkKind, ...], on_room: Callable[[], None]
    ) -> None:
        self._jobs = jobs
        self._kinds = kinds
        self._on_room = on_room
        self._running: set[asyncio.Task[None]] = set()
        self._is_full = False

    async def open(self) -> None:
        await self._jobs.broker.startup()

    async def fill(self, now: datetime) -> None:
        """Begin what is due and has room; `on_room` is called when a full lane is half empty."""
        free = WIDTH - len(self._running)
        claims = await claim_due(now, free, self._kinds) if free else []
        self._is_full = len(claims) == free
        for claim in claims:
            job = apart(self._send(claim))
            self._running.add(job)
            job.add_done_callback(self._end)

    async def _send(self, claim: Claim) -> None:
        try:
            await self._jobs.send(claim)
        except Exception:  # its claim runs out, and it is claimed again
            logger.exception("work not sent", extra={"work": claim.kind.value})

    def _end(self, job: asyncio.Task[None]) -> None:
        self._running.discard(job)
        if self._is_full and len(self._running) <= WIDTH // 2:
            self._is_full = False
            self._on_room()

    async def drain(self, within_s: float) -> None:
        """Let what runs come to its end; what takes longer is cancelled."""
        if self._running:
            await asyncio.wait(self._running, timeout=within_s)
        await cancel(self._running)

    async def close(self) -> None:
        await self._jobs.broker.shutdown()
