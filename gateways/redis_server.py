"""The Redis that processes share: how to reach it, and which names in it are ours."""

from dataclasses import dataclass
from typing import Any, Self

from redis.asyncio import ConnectionPool

CONNECT_WITHIN_S = 2.0


@dataclass(frozen=True, slots=True)
class RedisServer:
    """A server at `url`, redis:// or rediss://. Our names in it begin with `prefix`."""

    url: str
    prefix: str = "halaqa"

    @classmethod
    def of(cls, url: str, installation: str) -> Self:
        return cls(url, f"halaqa:{installation}")

    def name(self, *words: str) -> str:
        """Return a key or channel of ours, as `halaqa:0a1b2c3d4e5f:jobs`."""
        return ":".join((self.prefix, *words))

    def pool(self, answer_s: float, **options: Any) -> ConnectionPool:
        """Return connections that give an answer or an error within `answer_s` seconds."""
        pool = ConnectionPool.from_url(self.url)
        # These override the URL's parameters: our code depends on them.
        pool.connection_kwargs |= options | {
            "protocol": 2,
            "decode_responses": False,
            "socket_connect_timeout": min(answer_s, CONNECT_WITHIN_S),
            "socket_timeout": answer_s,
            "socket_keepalive": True,
        }
        return pool
