"""Servers that are measured: each is started for one measurement, and ended by its own pid."""

import json
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

from benchmarks.fanout.document import ROSTER, write_document
from benchmarks.fanout.load import LoadError, on_core, run

ROOT = Path(__file__).parents[2]
SCRIPT = Path(__file__).parent / "halaqa" / "server.py"
STARTS_WITHIN_S = 240.0
ENDS_WITHIN_S = 15.0


@dataclass(frozen=True, slots=True)
class Workload:
    """Something to watch: so many sessions, and so many watchers in all."""

    watchers: int = 1000
    sessions: int = 1
    is_written: bool = False  # the control port posts webhooks; else it feeds the hub
    has_small_buffers: bool = False  # a client who does not read is noticed early


@dataclass(frozen=True, slots=True)
class Running:
    """A server that listens, and the files that its clients read."""

    port: int
    control: int
    process: int
    who: Path
    document: Path

    @property
    def options(self) -> dict[str, object]:
        return asdict(self)


class Server(Protocol):
    @property
    def name(self) -> str: ...

    def prepare(self) -> None:
        """Install what it needs, once. LoadError if that cannot be had."""

    def fill(self, place: "Place", workload: Workload) -> None:
        """Write what the server and its clients read."""

    def command(self, place: "Place", workload: Workload) -> list[str]: ...

    @property
    def folder(self) -> Path: ...

    def beside(self, place: "Place", workload: Workload) -> list[str] | None:
        """Return the command of the process that has the control port, if it is not the server."""


@dataclass(frozen=True, slots=True)
class Place:
    """A folder and two free ports for one measurement."""

    folder: Path
    port: int
    control: int

    @property
    def who(self) -> Path:
        return self.folder / "who"

    @property
    def document(self) -> Path:
        return self.folder / "document"

    @property
    def room(self) -> Path:
        return self.folder / "room"


@dataclass(frozen=True, slots=True)
class Halaqa:
    """A checkout of Halaqa, this one or another, on SQLite."""

    name: str
    folder: Path
    filled: Path  # a folder for databases that later measurements use again

    @property
    def python(self) -> str:
        """The checkout's own environment where it has one."""
        own = self.folder / ".venv" / "bin" / "python"
        return str(own) if own.exists() else sys.executable

    def prepare(self) -> None:
        if not (self.folder / "main.py").exists():
            raise LoadError(f"{self.folder} has no main.py.")

    def fill(self, place: Place, workload: Workload) -> None:
        plan = f"{self.name}-{workload.sessions}-{workload.watchers}-{workload.is_written}"
        kept = self.filled / plan.replace(" ", "-")
        if not kept.exists():
            run(self._script("fill", place, workload), "No database was made", self.folder)
            shutil.copytree(place.folder, kept)
        shutil.copytree(kept, place.folder, dirs_exist_ok=True)

    def command(self, place: Place, workload: Workload) -> list[str]:
        return self._script("serve", place, workload)

    def _script(self, step: str, place: Place, workload: Workload) -> list[str]:
        asked = asdict(workload) | {
            "database_url": f"sqlite:///{place.folder}/halaqa.db",
            "port": place.port,
            "control": place.control,
            "who": str(place.who),
            "room": str(place.room),
            "students": ROSTER if workload.sessions == 1 else workload.sessions,
        }
        # -P: the script's own folder stays out of the way of the checkout's packages.
        here = ["env", f"PYTHONPATH={self.folder}", self.python, "-P"]
        return [*here, str(SCRIPT), step, json.dumps(asked)]

    def beside(self, place: Place, workload: Workload) -> list[str] | None:
        if not workload.is_written:
            return None
        poster = ["benchmarks.fanout.halaqa.poster", str(place.control), str(place.port)]
        return [sys.executable, "-m", *poster, str(place.room)]


@contextmanager
def running(server: Server, workload: Workload) -> Iterator[Running]:
    """Run a server until it is measured. LoadError if it does not start, with its last words."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fanout-")))
        place = Place(folder, _free_port(), _free_port())
        write_document(place.document)
        server.fill(place, workload)
        words = stack.enter_context((folder / "words").open("w+"))
        command = on_core(0, server.command(place, workload))
        process = stack.enter_context(_started(command, server.folder, words.fileno()))
        try:
            _wait_for(place.port, process)
            if beside := server.beside(place, workload):
                beside = on_core(1, beside)
                poster = stack.enter_context(_started(beside, ROOT, words.fileno()))
                _wait_for(place.control, poster)
            else:
                _wait_for(place.control, process)
            yield Running(place.port, place.control, process.pid, place.who, place.document)
        except LoadError as error:
            words.flush()
            raise LoadError(f"{error} {_last_words(folder / 'words')}") from None


@contextmanager
def _started(
    command: Sequence[str], folder: Path, words: int
) -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen(command, cwd=folder, stdout=words, stderr=words)  # noqa: S603
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    """Wait until the port is taken, by looking: a connection would be an order on some of them."""
    end = time.monotonic() + STARTS_WITHIN_S
    while time.monotonic() < end:
        if process.poll() is not None:
            raise LoadError("The server ended by itself.")
        if _is_listening(port):
            return
        time.sleep(0.05)
    raise LoadError("The server did not start.")


def _is_listening(port: int) -> bool:
    wanted = f":{port:04X}"
    for table in ("tcp", "tcp6"):
        path = Path("/proc/net") / table
        lines = path.read_text().splitlines()[1:] if path.exists() else []
        rows = [line.split() for line in lines]
        if any(row[1].endswith(wanted) and row[3] == "0A" for row in rows):
            return True
    return False


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _last_words(path: Path) -> str:
    return path.read_text(errors="replace").strip()[-1500:]
