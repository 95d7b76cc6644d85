"""Does due work in jobs. A job may run twice, or be lost and claimed again."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from taskiq import AsyncBroker, AsyncTaskiqDecoratedTask

import telemetry
from actions.attendance.away import note_away
from actions.attendance.final_result import finalise_attendance
from actions.attendance.missing_teacher import tell_missing_teacher
from actions.attendance.reports import expire_report
from actions.attendance.stale_stays import expire_stays
from actions.rooms.room_work import Rooms
from actions.writing.due_work import DEADLY, Claim, finish, quarantine, release, retry, start
from actions.writing.meeting import make_ahead
from domain.queue import LaneName
from domain.session import WorkKind
from tasks.aside import DeadlyError

logger = logging.getLogger("halaqa.work")

Action = Callable[[int, datetime], Awaitable[None]]
Now = Callable[[], datetime]
LIVEKIT, DATABASE = LaneName.LIVEKIT, LaneName.DATABASE


def table(rooms: Rooms) -> dict[WorkKind, tuple[LaneName, Action]]:
    """Map each kind of work to its lane and to the action on its subject."""
    return {
        WorkKind.MAKE_ROOM: (LIVEKIT, rooms.make_room),
        WorkKind.DELETE_ROOM: (LIVEKIT, rooms.delete_room),
        WorkKind.REMOVE_PERSON: (LIVEKIT, rooms.remove_person),
        WorkKind.MAKE_MEETING: (DATABASE, make_ahead),
        WorkKind.FINALISE_ATTENDANCE: (DATABASE, finalise_attendance),
        WorkKind.EXPIRE_STAYS: (DATABASE, expire_stays),
        WorkKind.NOTE_AWAY: (DATABASE, note_away),
        WorkKind.EXPIRE_REPORT: (DATABASE, expire_report),
        WorkKind.MISS_TEACHER: (DATABASE, tell_missing_teacher),
    }


class Jobs:
    """Registers a job for each kind of work on a broker. Messages carry the academy explicitly."""

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
        await self._tasks[claim.kind].kiq(claim.to_dict(), academy_id=claim.academy_id)

    def kinds(self, lane: LaneName) -> tuple[WorkKind, ...]:
        return tuple(kind for kind, (its, _) in self._table.items() if its is lane)

    def _job(self, action: Action) -> Callable[[dict[str, Any], int], Awaitable[None]]:
        async def job(claim: dict[str, Any], academy_id: int) -> None:
            started = await start(Claim.from_dict(claim), self._now())
            if started is None:  # another process has it, or it is done, or due anew
                return
            kind = started.kind.value
            if started.is_deadly:
                logger.error("work set aside", extra=started.to_dict() | {"reason": DEADLY})
                await quarantine(started, self._now())
                telemetry.count_work(kind, "DEADLY")
                raise DeadlyError(DEADLY)
            extra = {"work": kind, "subject": started.subject, "academy": academy_id}
            task = asyncio.current_task()
            assert task is not None  # noqa: S101 - a coroutine runs in a task
            self.running.add(task)
            try:
                await action(started.subject, self._now())
            except asyncio.CancelledError:  # this process ends: let another do it at once
                await release(started)
                telemetry.count_work(kind, "GIVEN_BACK")
                raise
            except Exception as error:
                logger.warning("work put off", extra=extra | {"reason": telemetry.describe(error)})
                await retry(started, error, self._now())
                telemetry.count_work(kind, "PUT_OFF")
            else:
                await finish(started)
                telemetry.count_work(kind, "DONE")
            finally:
                self.running.discard(task)

        return job
