"""Opens the lanes of a process, here or through Redis."""

from collections.abc import Callable, Sequence

from actions.rooms.room_work import Rooms
from domain.queue import LaneName, Server
from tasks.broker import StreamBroker, local_broker
from tasks.lane import Lane
from tasks.queue_lane import QueueLane
from tasks.work import Jobs, Now


def lanes_of(
    redis: Server | None, rooms: Rooms, now: Now, on_space: Callable[[], None], *, is_worker: bool
) -> Sequence[Lane | QueueLane]:
    """Open each lane. Without Redis this process does all its work, else the workers do."""
    if redis is None:
        jobs = Jobs(local_broker(), rooms, now)
        return [Lane(jobs, jobs.kinds(name), on_space) for name in LaneName]
    lanes = []
    for name in LaneName:
        broker = StreamBroker(redis, name)
        jobs = Jobs(broker, rooms, now)
        lanes.append(QueueLane(name, broker, jobs, on_space, is_worker=is_worker))
    return lanes
