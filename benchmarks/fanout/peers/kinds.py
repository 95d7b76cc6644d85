"""The peers: how each is installed, with pinned versions, and started.

A peer answers the same document from memory: no database, no sign-in, no rights. The loop in C does
not even read what is asked.
"""

import hashlib
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.fanout.document import change, snapshot, write_answers, write_message
from benchmarks.fanout.load import CACHE, LoadError, compiled, run
from benchmarks.fanout.servers import ROOT, Place, Workload

HERE = Path(__file__).parent
MODULES = "benchmarks.fanout.peers"
ARIADNE = (
    "ariadne==1.1.1",
    "graphql-core==3.2.8",
    "httptools==0.9.0",
    "starlette==1.10.0",
    "uvicorn==0.54.0",
    "uvloop==0.23.0",
    "websockets==17.4",
)


@dataclass(frozen=True, slots=True)
class Peer:
    """`install` returns how its command begins; ports and a file of answers follow."""

    name: str
    install: Callable[[], list[str]]
    ends_with: tuple[str, ...] = ()
    folder: Path = ROOT

    def prepare(self) -> None:
        self.install()

    def fill(self, place: Place, workload: Workload) -> None:
        lines = [f"session-{number} \n" for number in range(workload.sessions)]
        place.who.write_text("".join(lines))
        write_answers(place.folder / "answers")
        write_message(place.folder / "snapshot", snapshot())
        write_message(place.folder / "change", change())

    def command(self, place: Place, workload: Workload) -> list[str]:
        names = self.ends_with or ("answers",)
        given = [name if name == "jit" else str(place.folder / name) for name in names]
        return [*self.install(), str(place.port), str(place.control), *given]

    def beside(self, place: Place, workload: Workload) -> list[str] | None:
        return None


def peers() -> list[Peer]:
    return [
        Peer("C loop", lambda: [str(compiled("loop"))], ("snapshot", "change")),
        Peer("plain Strawberry", lambda: [sys.executable, "-m", f"{MODULES}.plain_strawberry"]),
        Peer("Ariadne", _install_ariadne),
        Peer("graphql-ws", lambda: _install_in_node("graphql_ws.mjs")),
        Peer("Yoga", lambda: _install_in_node("yoga.mjs")),
        Peer("Yoga with JIT", lambda: _install_in_node("yoga.mjs"), ("answers", "jit")),
        Peer("gqlgen", _build_gqlgen),
    ]


def _install_ariadne() -> list[str]:
    """Install it in an environment of its own: it wants an older graphql-core than we do."""
    with _installing("ariadne", *ARIADNE) as (home, is_new):
        if is_new:
            run([sys.executable, "-m", "venv", str(home)], "No environment could be made")
            pip = [str(home / "bin" / "python"), "-m", "pip", "install", "--quiet"]
            run([*pip, *ARIADNE], "It could not be installed")
    return [str(home / "bin" / "python"), "-m", f"{MODULES}.ariadne_app"]


def _install_in_node(script: str) -> list[str]:
    node, npm = _program("node"), _program("npm")
    files = sorted([*HERE.glob("*.mjs"), HERE / "package.json", HERE / "schema.graphql"])
    with _installing("node", *(file.read_text() for file in files)) as (home, is_new):
        if is_new:
            for file in files:
                shutil.copy(file, home)
            quiet = ["--no-audit", "--no-fund", "--no-progress", "--loglevel=error"]
            run([npm, "install", *quiet], "It could not be installed", home)
    return [node, str(home / script)]


def _build_gqlgen() -> list[str]:
    """Generate and compile it: the schema's Go code comes from gqlgen itself."""
    go = _program("go")
    files = sorted([*(HERE / "gqlgen").iterdir(), HERE / "schema.graphql"])
    with _installing("gqlgen", *(file.read_text() for file in files)) as (home, is_new):
        if is_new:
            for file in files:
                shutil.copy(file, home / file.name.removesuffix(".txt"))
            run([go, "mod", "tidy"], "It could not be installed", home)
            run([go, "tool", "gqlgen", "generate"], "Its code could not be generated", home)
            run([go, "build", "-o", "server", "."], "It could not be compiled", home)
    return [str(home / "server")]


@contextmanager
def _installing(name: str, *pins: str) -> Iterator[tuple[Path, bool]]:
    """Give the folder for these pins, and whether it is to be filled; a failure removes it."""
    home = CACHE / f"{name}-{hashlib.sha256(repr(pins).encode()).hexdigest()[:12]}"
    is_new = not (home / "installed").exists()
    if is_new:
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir(parents=True)
    try:
        yield home, is_new
    except LoadError:
        shutil.rmtree(home, ignore_errors=True)
        raise
    (home / "installed").touch()


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise LoadError(f"There is no {name}.")
    return found
