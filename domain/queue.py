"""The queue of jobs: its lanes, and their names in Redis."""

from enum import StrEnum
from typing import Any, Protocol

GROUP = "halaqa"
SET_ASIDE = "set-aside"  # messages that nobody can or should work on, with the reason


class LaneName(StrEnum):
    """Lanes of jobs. None waits for another: a call to LiveKit may take long to answer."""

    LIVEKIT = "livekit"
    DATABASE = "database"


class Server(Protocol):
    """The Redis server of the queue. Two installations may share it: each has names of its own."""

    @property
    def url(self) -> str: ...

    def name(self, *words: str) -> str: ...

    def pool(self, answer_s: float, **options: Any) -> Any:
        """Return connections that answer, or raise an error, within `answer_s` seconds."""


def jobs_name(server: Server, what: str) -> str:
    """Return the name in Redis of a lane or of SET_ASIDE."""
    return server.name("jobs", what)


# Counts the messages that no worker has received yet. Messages of a worker that died do not count:
# their work is claimed again, and they must not hold up the lane.
WAITING = """
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
for _, group in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
  if group[2] == ARGV[1] then
    return #redis.call('XRANGE', KEYS[1], '(' .. group[8], '+', 'COUNT', 1000)
  end
end
return redis.call('XLEN', KEYS[1])
"""
