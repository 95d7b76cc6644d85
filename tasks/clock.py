"""The clock: whatever is due is done, whichever process looks first, and then it sleeps."""

import asyncio
import logging
import os
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import clock
from actions.clock.heartbeat import beat, forget_stopped
from actions.clock.sweep import advance_due
from actions.rooms.cleanup import TIDY_EVERY
from actions.rooms.reconciler import RECONCILE_EVERY
from actions.rooms.room_work import Rooms
from actions.webhooks.receipts import forget_old
from background import apart, cancel
from domain.queue import Server
from gateways.bus import Bus
from gateways.changes import listen_for_due
from models.reading.due_times import next_due_at
from tasks.lanes import lanes_of

logger = logging.getLogger("halaqa.clock")

LONGEST_SLEEP_S = 2.0
SHORTEST_BACKOFF_S = 0.02
FORGET_EVERY_S = 3600.0
LOOK_AGAIN_S = 1.0  # clients of a LiveKit that was killed give up after 11 s
STOP_WITHIN_S = 5.0
BEAT_EVERY = timedelta(seconds=1)
NEVER = datetime.max.replace(tzinfo=UTC)


class Clock:
    """One of any number that may run at once. `start` it inside the running loop, then `stop` it.

    `name` is what its heartbeat is called: host and process unless given. With a `redis` due
    work is sent there, and done here too if the process `is_worker`; else it is all done here.
    """

    def __init__(
        self,
        rooms: Rooms,
        bus: Bus,
        *,
        name: str | None = None,
        now: Callable[[], datetime] = clock.now,
        redis: Server | None = None,
        is_worker: bool = False,
    ) -> None:
        self.sweeps = 0
        self._rooms = rooms
        self._bus = bus
        self._name = (name or f"{socket.gethostname()}:{os.getpid()}")[:100]
        self._now = now
        self._woken = asyncio.Event()
        self._stop_listening: Callable[[], None] | None = None
        self._lanes = lanes_of(redis, rooms, now, self._woken.set, is_worker=is_worker)
        self._loops: list[asyncio.Task[None]] = []
        self._troubles: dict[str, str] = {}
        self._wakes_at = NEVER
        self._backoff_s = SHORTEST_BACKOFF_S
        self._beat_at: datetime | None = None

    async def start(self) -> None:
        for lane in self._lanes:
            await lane.open()
        # Before it returns: whoever asks a server that has just begun is told that its clock runs.
        await self._try("sweep", lambda: self._say_alive(self._now()))
        self._stop_listening = listen_for_due(self._bus, self._hear, on_gap=self._woken.set)
        loops = (
            self._keep_sweeping(),
            self._keep_looking(),
            self._keep_forgetting(),
            self._keep_tidying(),
        )
        self._loops = [apart(loop) for loop in loops]

    async def stop(self) -> None:
        """Sweep no more, and let the jobs that run come to their end, within a few seconds."""
        if self._stop_listening is not None:
            self._stop_listening()
        await cancel(self._loops)
        await asyncio.gather(*(lane.drain(STOP_WITHIN_S) for lane in self._lanes))
        for lane in self._lanes:
            await lane.close()

    def _hear(self, moment: datetime) -> None:
        """Wake for what is newly due, if that is before the clock would wake anyway."""
        if moment <= self._wakes_at:
            self._woken.set()

    async def _keep_sweeping(self) -> None:
        while True:
            sleep_s = await self._try("sweep", self._sweep)
            if sleep_s is None:
                await asyncio.sleep(self._backed_off_s())
                continue
            self._wakes_at = self._now() + timedelta(seconds=sleep_s)
            with suppress(TimeoutError):
                async with asyncio.timeout(sleep_s):
                    await self._woken.wait()

    async def _sweep(self) -> float:
        """Do all that is due; how many seconds to sleep then."""
        is_whole = True
        while is_whole:
            self.sweeps += 1
            swept_at = self._now()
            await self._say_alive(swept_at)
            is_whole = (await advance_due(swept_at)).is_whole
            for lane in self._lanes:
                await lane.fill(swept_at)
        # Whatever rings from here on is newer than what we are about to read.
        self._woken.clear()
        self._wakes_at = NEVER
        return await self._sleep_s(swept_at)

    async def _sleep_s(self, swept_at: datetime) -> float:
        """Until the next thing is due. What was due already when we swept is somebody else's at
        the moment: it is asked for again less and less often, and keeps nothing else waiting."""
        sleep_s = LONGEST_SLEEP_S
        due_at = await next_due_at(swept_at)
        if due_at is not None and due_at <= swept_at:
            sleep_s = self._backed_off_s()
            due_at = await next_due_at(swept_at, swept_at)
        else:
            self._backoff_s = SHORTEST_BACKOFF_S
        if due_at is not None:
            sleep_s = min(sleep_s, (due_at - self._now()).total_seconds())
        return max(sleep_s, 0.0)

    def _backed_off_s(self) -> float:
        sleep_s = self._backoff_s
        self._backoff_s = min(2 * sleep_s, LONGEST_SLEEP_S)
        return sleep_s

    async def _say_alive(self, now: datetime) -> None:
        if self._beat_at is None:
            await forget_stopped(now)
        if self._beat_at is None or abs(now - self._beat_at) >= BEAT_EVERY:
            await beat(self._name, now)
            self._beat_at = now

    async def _keep_looking(self) -> None:
        while True:
            missing = await self._try("look", lambda: self._rooms.reconcile_in_turn(self._now()))
            # None: it failed, or it is another's turn, who may be gone by the next.
            await asyncio.sleep(
                LOOK_AGAIN_S if missing is None else RECONCILE_EVERY.total_seconds()
            )

    async def _keep_tidying(self) -> None:
        while True:
            await asyncio.sleep(TIDY_EVERY.total_seconds())
            await self._try("tidy", lambda: self._rooms.tidy(self._now()))

    async def _keep_forgetting(self) -> None:
        while True:
            await self._try("forget", lambda: forget_old(self._now()))
            await asyncio.sleep(FORGET_EVERY_S)

    async def _try(self, what: str, attempt: Callable[[], Awaitable[Any]]) -> Any:
        """What it answers; None if it fails. Each kind of trouble is logged once, and its end."""
        try:
            answer = await attempt()
        except Exception as error:
            kind = type(error).__name__
            if self._troubles.get(what) != kind:
                logger.exception("clock in trouble", extra={"what": what})
            self._troubles[what] = kind
            return None
        if self._troubles.pop(what, None):
            logger.info("clock goes on", extra={"what": what})
        return answer
