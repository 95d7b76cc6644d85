"""Runs the clock: does what is due, then sleeps until more is due."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import clock
from actions.clock.heartbeat import beat, forget_stopped
from actions.clock.sweep import advance_due
from actions.rooms.cleanup import TIDY_EVERY
from actions.rooms.reconciler import RECONCILE_EVERY
from actions.rooms.room_work import Rooms
from actions.webhooks.receipts import forget_old
from domain.queue import Server
from gateways.bus import Bus
from gateways.changes import listen_for_due
from models.reading.due_times import next_due_at
from tasks.lanes import lanes_of
from tasks.loops import Loops, process_name

SLEEP_MAX_S = 2.0
BACKOFF_MIN_S = 0.02
FORGET_EVERY = timedelta(hours=1)
RECONCILE_RETRY = timedelta(seconds=1)  # clients of a LiveKit that was killed give up after 11 s
STOP_WITHIN_S = 5.0
BEAT_EVERY = timedelta(seconds=1)
FAR_FUTURE = datetime.max.replace(tzinfo=UTC)


class Clock:
    """A clock; any number may run at once. `start` it inside the running loop, then `stop` it.

    `name` is the name of its heartbeat: host and process unless given. With `redis` due work is
    sent there, and this process does its share if it `is_worker`. Else it does all of it.
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
        self._name = name or process_name()
        self._now = now
        self._woken = asyncio.Event()
        self._stop_listening: Callable[[], None] | None = None
        self._lanes = lanes_of(redis, rooms, now, self._woken.set, is_worker=is_worker)
        self._loops = Loops(now)
        self._wakes_at = FAR_FUTURE
        self._backoff_s = BACKOFF_MIN_S
        self._beat_at: datetime | None = None

    async def start(self) -> None:
        for lane in self._lanes:
            await lane.open()
        # Beat before returning: a server that has just started must say that its clock runs.
        await self._loops.attempt("sweep", lambda: self._beat(self._now()))
        self._stop_listening = listen_for_due(self._bus, self._wake, on_gap=self._woken.set)
        self._loops.start(self._keep_sweeping())
        self._loops.repeat(
            "reconcile", self._rooms.reconcile_in_turn, RECONCILE_EVERY, RECONCILE_RETRY
        )
        self._loops.repeat("forget", forget_old, FORGET_EVERY)
        self._loops.repeat("tidy", self._rooms.tidy, TIDY_EVERY, delay=TIDY_EVERY)

    async def stop(self) -> None:
        """Stop sweeping, and let running jobs end, for a few seconds."""
        if self._stop_listening is not None:
            self._stop_listening()
        await self._loops.cancel()
        await asyncio.gather(*(lane.drain(STOP_WITHIN_S) for lane in self._lanes))
        for lane in self._lanes:
            await lane.close()

    def _wake(self, moment: datetime) -> None:
        """Wake up for what is newly due, unless the clock would be awake by that moment anyway."""
        if moment <= self._wakes_at:
            self._woken.set()

    async def _keep_sweeping(self) -> None:
        while True:
            sleep_s = await self._loops.attempt("sweep", self._sweep)
            if sleep_s is None:
                await asyncio.sleep(self._next_backoff_s())
                continue
            self._wakes_at = self._now() + timedelta(seconds=sleep_s)
            with suppress(TimeoutError):
                async with asyncio.timeout(sleep_s):
                    await self._woken.wait()

    async def _sweep(self) -> float:
        """Advance due sessions and start due work; return how many seconds to sleep."""
        is_whole = True
        while is_whole:
            self.sweeps += 1
            swept_at = self._now()
            await self._beat(swept_at)
            is_whole = (await advance_due(swept_at)).is_whole
            for lane in self._lanes:
                await lane.fill(swept_at)
        # What is published from here on is newer than what is read below.
        self._woken.clear()
        self._wakes_at = FAR_FUTURE
        sleep_s = SLEEP_MAX_S
        due_at = await next_due_at(swept_at)
        if due_at is not None and due_at <= swept_at:
            # Another process holds what was due already: retry it less and less often. Work that
            # is due next does not wait for it.
            sleep_s = self._next_backoff_s()
            due_at = await next_due_at(swept_at, swept_at)
        else:
            self._backoff_s = BACKOFF_MIN_S
        if due_at is not None:
            sleep_s = min(sleep_s, (due_at - self._now()).total_seconds())
        return max(sleep_s, 0.0)

    def _next_backoff_s(self) -> float:
        sleep_s = self._backoff_s
        self._backoff_s = min(2 * sleep_s, SLEEP_MAX_S)
        return sleep_s

    async def _beat(self, now: datetime) -> None:
        if self._beat_at is None:
            await forget_stopped(now)
        if self._beat_at is None or abs(now - self._beat_at) >= BEAT_EVERY:
            await beat(self._name, now)
            self._beat_at = now
