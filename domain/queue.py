"""The queue of jobs: its lanes, and what they are called in Redis."""

from enum import StrEnum
from typing import Any, Protocol

GROUP = "halaqa"
SET_ASIDE = "set-aside"  # messages that nobody can or should do, with the reason


class LaneName(StrEnum):
    """Lanes hold up nothing in each other: what calls LiveKit may wait long for an answer."""

    LIVEKIT = "livekit"
    DATABASE = "database"


class Server(Protocol):
    """Where the queue is: two installations may share one, each with names of its own."""

    @property
    def url(self) -> str: ...

    def name(self, *words: str) -> str: ...

    def pool(self, answer_s: float, **options: Any) -> Any:
        """Connections that give an answer, or an error, within so many seconds."""


def jobs_name(server: Server, what: str) -> str:
    """What a lane, or SET_ASIDE, is called there."""
    return server.name("jobs", what)


# How many messages no worker has got yet. Those that one got and that nobody has any more are not
# among them: their work is claimed again, and they must not hold up the lane.
WAITING = """
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
for _, group in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
  if group[2] == ARGV[1] then
    return #redis.call('XRANGE', KEYS[1], '(' .. group[8], '+', 'COUNT', 1000)
  end
end
return redis.call('XLEN', KEYS[1])
"""
