"""The Redis that processes share: the one place that says how it is reached, and what is ours."""

from dataclasses import dataclass
from typing import Any, Self

from redis.asyncio import ConnectionPool

CONNECT_WITHIN_S = 2.0


@dataclass(frozen=True, slots=True)
class RedisServer:
    """`url`: redis:// or rediss://. All our names begin with `prefix`, an installation's own."""

    url: str
    prefix: str = "halaqa"

    @classmethod
    def of(cls, url: str, installation: str) -> Self:
        return cls(url, f"halaqa:{installation}")

    def name(self, *words: str) -> str:
        return ":".join((self.prefix, *words))

    def pool(self, answer_s: float, **options: Any) -> ConnectionPool:
        """Connections that give an answer, or an error, within so many seconds."""
        pool = ConnectionPool.from_url(self.url)
        # Whatever the URL says of these: we depend on them.
        pool.connection_kwargs |= options | {
            "protocol": 2,
            "decode_responses": False,
            "socket_connect_timeout": min(answer_s, CONNECT_WITHIN_S),
            "socket_timeout": answer_s,
            "socket_keepalive": True,
        }
        return pool
