"""The latest state of the system: one read per process every 2 s, while anybody watches."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from background import apart, cancel
from domain.access import Audience, Scope
from domain.system import SystemState
from schema.types.shared import Shared
from schema.types.system import SystemStatus

logger = logging.getLogger("halaqa.system")

READ_EVERY_S = 2.0

ReadState = Callable[[], Awaitable[SystemState]]


class SystemWatch:
    """The latest state, read again and again from the first watcher to the last."""

    def __init__(self, read: ReadState, every_s: float = READ_EVERY_S) -> None:
        self._read_state = read
        self._every_s = every_s
        self._watchers = 0
        self._task: asyncio.Task[None] | None = None
        self._state: SystemState | None = None
        self._tick: asyncio.Future[None] | None = None
        self._statuses: dict[bool, SystemStatus] = {}
        self._statuses_of: SystemState | None = None

    @asynccontextmanager
    async def watching(self) -> AsyncIterator["SystemWatch"]:
        self._watchers += 1
        if self._task is None:
            self._tick = asyncio.get_running_loop().create_future()
            self._task = apart(self._read())
        try:
            yield self
        finally:
            self._watchers -= 1
            if not self._watchers:
                await self.close()

    async def close(self) -> None:
        task, self._task, self._state = self._task, None, None
        if task is not None:
            await cancel([task])

    async def states(self, end: asyncio.Future[None]) -> AsyncIterator[SystemState]:
        """Yield the state now, and each one read from here on, until `end`."""
        while not end.done():
            if self._state is not None:
                yield self._state
            if self._tick is not None:
                await asyncio.wait((self._tick, end), return_when=asyncio.FIRST_COMPLETED)

    def status_of(self, state: SystemState, *, is_detailed: bool) -> SystemStatus:
        """Make the state an event, one object for all watchers of the same audience."""
        if self._statuses_of is not state:
            self._statuses, self._statuses_of = {}, state
        if is_detailed not in self._statuses:
            status = SystemStatus.of(state, is_detailed=is_detailed)
            audience = Audience.STAFF if is_detailed else Audience.PARTICIPANT
            status.shared = Shared(Scope("system", audience))
            self._statuses[is_detailed] = status
        return self._statuses[is_detailed]

    async def _read(self) -> None:
        while True:
            try:
                self._state = await self._read_state()
                tick, self._tick = self._tick, asyncio.get_running_loop().create_future()
                if tick is not None:
                    tick.set_result(None)
            except Exception:
                logger.warning("system state not read", exc_info=True)
            await asyncio.sleep(self._every_s)
