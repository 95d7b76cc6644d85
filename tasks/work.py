"""The jobs behind due work. Any of them may run twice, or be lost and claimed again."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from taskiq import AsyncBroker, AsyncTaskiqDecoratedTask

import telemetry
from actions.attendance.final_result import finalise_attendance
from actions.attendance.reports import expire_report
from actions.attendance.stale_stays import expire_stays
from actions.rooms.room_work import Rooms
from actions.writing.due_work import DEADLY, Claim, begin, finish, give_back, put_off, rest
from actions.writing.meeting import make_ahead
from domain.queue import LaneName
from domain.session import WorkKind
from tasks.aside import DeadlyError

logger = logging.getLogger("halaqa.work")

Action = Callable[[int, datetime], Awaitable[None]]
Now = Callable[[], datetime]
LIVEKIT, DATABASE = LaneName.LIVEKIT, LaneName.DATABASE


def table(rooms: Rooms) -> dict[WorkKind, tuple[LaneName, Action]]:
    """Each kind of work: the lane it goes in, and what is done to its subject. One line a kind."""
    return {
        WorkKind.MAKE_ROOM: (LIVEKIT, rooms.make),
        WorkKind.DELETE_ROOM: (LIVEKIT, rooms.delete),
        WorkKind.REMOVE_PERSON: (LIVEKIT, rooms.remove_person),
        WorkKind.MAKE_MEETING: (DATABASE, make_ahead),
        WorkKind.FINALISE_ATTENDANCE: (DATABASE, finalise_attendance),
        WorkKind.EXPIRE_STAYS: (DATABASE, expire_stays),
        WorkKind.EXPIRE_REPORT: (DATABASE, expire_report),
    }


class Jobs:
    """The table's jobs, registered on a broker. Each carries its academy explicitly."""

    def __init__(self, broker: AsyncBroker, rooms: Rooms, now: Now) -> None:
        self.broker = broker
        self.running: set[asyncio.Task[Any]] = set()
        self._now = now
        self._table = table(rooms)
        self._tasks: dict[WorkKind, AsyncTaskiqDecoratedTask[..., Awaitable[None]]] = {
            kind: broker.register_task(self._job(action), task_name=kind.value.lower())
            for kind, (_, action) in self._table.items()
        }

    async def send(self, claim: Claim) -> None:
        await self._tasks[claim.kind].kiq(claim.told(), academy_id=claim.academy_id)

    def kinds(self, lane: LaneName) -> tuple[WorkKind, ...]:
        return tuple(kind for kind, (its, _) in self._table.items() if its is lane)

    def _job(self, action: Action) -> Callable[[dict[str, Any], int], Awaitable[None]]:
        async def job(claim: dict[str, Any], academy_id: int) -> None:
            begun = await begin(Claim.heard(claim), self._now())
            if begun is None:  # somebody else has it, or it is done, or asked for anew
                return
            if begun.is_deadly:
                logger.error("work set aside", extra=begun.told() | {"reason": DEADLY})
                await rest(begun, self._now())
                telemetry.count_work(begun.kind.value, "DEADLY")
                raise DeadlyError(DEADLY)
            with self._noted():
                await self._do(action, begun, academy_id)

        return job

    async def _do(self, action: Action, claim: Claim, academy_id: int) -> None:
        told = {"work": claim.kind.value, "subject": claim.subject, "academy": academy_id}
        try:
            await action(claim.subject, self._now())
        except asyncio.CancelledError:  # this process ends: let another do it at once
            await give_back(claim)
            telemetry.count_work(claim.kind.value, "GIVEN_BACK")
            raise
        except Exception as error:
            logger.warning("work put off", extra=told | {"reason": f"{error}"})
            await put_off(claim, error, self._now())
            telemetry.count_work(claim.kind.value, "PUT_OFF")
            return
        await finish(claim)
        telemetry.count_work(claim.kind.value, "DONE")

    @contextmanager
    def _noted(self) -> Iterator[None]:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine runs in a task
        self.running.add(task)
        try:
            yield
        finally:
            self.running.discard(task)
