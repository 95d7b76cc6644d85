"""A real livekit-server on loopback, which tests may kill and start again."""

import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from tests.support.webhooks import KEY, SECRET

_VERSION = "v1.13.5"
_MODULE = f"github.com/livekit/livekit-server/cmd/server@{_VERSION}"
_NOT_THERE = (
    f"The real-room tests need livekit-server {_VERSION}: install Go so that it can be built, or "
    "point HALAQA_TEST_LIVEKIT_SERVER at a binary, or set HALAQA_ALLOW_NO_LIVEKIT=1 to skip them."
)
_STARTS_WITHIN_S = 20.0


def server_binary() -> Path:
    """The configured binary, else the one in the cache, else one built now (about 100 s, once).

    Fails the test where there is none; skips it if HALAQA_ALLOW_NO_LIVEKIT is 1."""
    if configured := os.environ.get("HALAQA_TEST_LIVEKIT_SERVER"):
        return _existing(Path(configured))
    cached = _cache() / "server"
    if cached.exists():
        return cached
    return _build(cached)


def _existing(binary: Path) -> Path:
    if not os.access(binary, os.X_OK):
        pytest.fail(f"HALAQA_TEST_LIVEKIT_SERVER is {binary}, which cannot be run.", pytrace=False)
    return binary


def _cache() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "halaqa" / f"livekit-server-{_VERSION}"


def _build(target: Path) -> Path:
    go = shutil.which("go")
    if go is None:
        _give_up(_NOT_THERE)
    # Built aside and moved, so that two runs at once or an interrupted one leave no broken binary.
    aside = target.parent / f"building-{os.getpid()}"
    aside.mkdir(parents=True, exist_ok=True)
    built = subprocess.run(  # noqa: S603 - our own words
        [str(go), "install", _MODULE],
        env={**os.environ, "GOBIN": str(aside)},
        capture_output=True,
        text=True,
        check=False,
    )
    if built.returncode == 0:
        (aside / "server").replace(target)
    shutil.rmtree(aside)
    if built.returncode != 0:
        _give_up(f"{_NOT_THERE} Building it failed: {built.stderr[-500:]}")
    return target


def _give_up(reason: str) -> None:
    if os.environ.get("HALAQA_ALLOW_NO_LIVEKIT") == "1":
        pytest.skip(reason)
    pytest.fail(reason, pytrace=False)


class LiveKitServer:
    """Config and log are in `folder`; the ports stay the same, so it returns to its address."""

    key = KEY
    secret = SECRET

    def __init__(self, folder: Path) -> None:
        self._binary = server_binary()
        self._config = folder / "livekit.json"
        self.log = folder / "livekit.log"
        self.port, self._udp_port = _free_port(socket.SOCK_STREAM), _free_port(socket.SOCK_DGRAM)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def api_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """The address for clients."""
        return f"ws://127.0.0.1:{self.port}"

    def start(self, webhook_urls: Sequence[str] | None = None) -> None:
        """Start it, and return when it serves. Without urls it keeps those of the last start."""
        if webhook_urls is not None or not self._config.exists():
            config = self._configuration(webhook_urls or ())
            self._config.write_text(json.dumps(config, indent=2))  # JSON is YAML
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - the tests' own binary
                [self._binary, "--config", self._config], stdout=log, stderr=log
            )
        self._await_ready()

    def kill(self) -> None:
        """Send SIGKILL: nobody is told goodbye."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        """Make it accept connections and answer nobody, until it is thawed."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """Send SIGTERM twice, so that it does not wait for people to leave."""
        if self._process is None:
            return
        self._process.terminate()
        time.sleep(0.1)  # two signals at once may arrive as one
        self._process.terminate()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self.kill()
        self._process = None

    def _await_ready(self) -> None:
        until = time.monotonic() + _STARTS_WITHIN_S
        while not _serves(self.api_url):
            stopped = self._process is None or self._process.poll() is not None
            if stopped or time.monotonic() > until:
                self.kill()
                tail = self.log.read_text(errors="replace")[-1000:]
                pytest.fail(f"livekit-server did not start: {tail}", pytrace=False)
            time.sleep(0.05)

    def _configuration(self, webhook_urls: Sequence[str]) -> dict[str, Any]:
        return {
            "port": self.port,
            "bind_addresses": ["127.0.0.1"],
            "keys": {KEY: SECRET},
            "rtc": {
                "node_ip": "127.0.0.1",
                "use_external_ip": False,
                "udp_port": self._udp_port,
                "tcp_port": 0,  # would listen on every interface
                "enable_loopback_candidate": True,
                "ips": {"includes": ["127.0.0.1/32"]},
                "stun_servers": ["127.0.0.1:3478"],  # else clients are sent to public ones
            },
            "turn": {"enabled": False},
            "room": {"auto_create": False, "empty_timeout": 300, "departure_timeout": 300},
            "psrpc": {"max_attempts": 1, "timeout": "1s", "backoff": "500ms"},
            "api": {"enable_psrpc_for_get_list_participants": True},
            "webhook": {
                "api_key": KEY,
                "urls": list(webhook_urls),
                "resource_url_notifier": {"max_age": "5m", "max_depth": 5000},
            },
            "logging": {"level": "info"},
        }


@contextmanager
def running(folder: Path, webhook_urls: Sequence[str] = ()) -> Iterator[LiveKitServer]:
    """A started server that is stopped at the end, however the end comes."""
    server = LiveKitServer(folder)
    try:
        server.start(webhook_urls)
        yield server
    finally:
        server.stop()


def _free_port(kind: socket.SocketKind) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _serves(url: str) -> bool:
    try:
        with urlopen(url, timeout=1) as answer:  # noqa: S310 - our own address
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False
