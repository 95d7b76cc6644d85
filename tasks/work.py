"""The jobs behind due work. Any of them may run twice, or be lost and claimed again."""

import logging
from collections.abc import Awaitable, Callable
from datetime import datetime

from taskiq import AsyncBroker, AsyncTaskiqDecoratedTask

from actions.attendance import finalise
from actions.rooms import Rooms, delete_room, make_room
from actions.work import Claim, finish, put_off
from domain.session import WorkKind

logger = logging.getLogger("halaqa.work")

Action = Callable[[int, datetime], Awaitable[None]]
Now = Callable[[], datetime]


class Jobs:
    """A task per kind of work, registered on a broker. Each carries its academy explicitly."""

    def __init__(self, broker: AsyncBroker, livekit: Rooms, now: Now) -> None:
        actions: dict[WorkKind, Action] = {
            WorkKind.MAKE_ROOM: lambda session_id, at: make_room(livekit, session_id, at),
            WorkKind.DELETE_ROOM: lambda session_id, at: delete_room(livekit, session_id, at),
            WorkKind.FINALISE_ATTENDANCE: finalise,
        }
        self._tasks = {kind: _task(broker, kind, action, now) for kind, action in actions.items()}

    async def send(self, claim: Claim) -> None:
        await self._tasks[claim.kind].kiq(claim, academy_id=claim.academy_id)


def _task(
    broker: AsyncBroker, kind: WorkKind, action: Action, now: Now
) -> AsyncTaskiqDecoratedTask[..., Awaitable[None]]:
    async def job(claim: Claim, academy_id: int) -> None:
        told = {"work": kind.value, "session": claim.subject, "academy": academy_id}
        try:
            await action(claim.subject, now())
        except Exception as error:
            logger.warning("work put off", extra=told | {"reason": f"{error}"})
            await put_off(claim, error, now())
            return
        await finish(claim)

    return broker.register_task(job, task_name=kind.value.lower())
