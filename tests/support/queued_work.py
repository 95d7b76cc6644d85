"""Due work that goes through Redis, and the conditions to wait for."""

from actions.clock.sweep import advance_due
from actions.writing.due_work import Claim, claim_due
from domain.queue import LaneName
from domain.session import WorkKind
from gateways.queue import JobQueue
from models import DueWork, Session
from tasks.broker import StreamBroker
from tasks.stream import JobStream
from tasks.work import Jobs
from tests.support.patience import see
from tests.support.private_sessions import at, make_sessions
from tests.support.queues import server_at

LIVEKIT = LaneName.LIVEKIT
NOW = at(1)


async def ready(number: int = 1) -> list[Session]:
    """Sessions whose rooms are due."""
    sessions = await make_sessions(number)
    await advance_due(at(-10))
    await DueWork.exclude(kind=WorkKind.MAKE_ROOM).delete()
    return sessions


async def over(number: int = 1) -> list[Session]:
    """Sessions that have ended: their attendance and rooms are due to be ended too."""
    sessions = await ready(number)
    await advance_due(at(65))
    return sessions


async def work_left(**values: object) -> list[tuple[object, ...]]:
    """Kind, subject, attempts and claim of the due work that these values select, but for that of
    an ONGOING session which waits for its teacher to be late."""
    chosen = DueWork.filter(**values).exclude(kind=WorkKind.MISS_TEACHER)
    return await chosen.values_list("kind", "subject", "attempts", "claimed_until")


async def has_no_work() -> bool:
    return not see(await work_left())


async def claimed(*kinds: WorkKind) -> list[Claim]:
    return await claim_due(NOW, 100, kinds or tuple(WorkKind))


def stream_of(jobs: Jobs) -> JobStream:
    assert isinstance(jobs.broker, StreamBroker)
    return jobs.broker.stream


async def health(url: str) -> tuple[bool, str]:
    queue = JobQueue()
    queue.open(await server_at(url))
    component = await queue.health()
    await queue.close()
    return component.is_reachable, component.detail
