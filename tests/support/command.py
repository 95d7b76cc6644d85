"""`python main.py …` as an operator runs it: another process, with an environment of its own."""

import asyncio
import os
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.support.environment import DEFAULTS
from tests.support.patience import PATIENCE_S, see, until, within

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str


def environment(**values: object) -> dict[str, str]:
    """This process's environment with these HALAQA_* values only."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("HALAQA_")}
    return plain | {f"HALAQA_{name.upper()}": str(value) for name, value in values.items()}


def configured(database_url: str, **values: object) -> dict[str, str]:
    """An environment with every setting that has no default."""
    return environment(database_url=database_url, **values) | DEFAULTS


async def run(*arguments: str, env: dict[str, str], cwd: Path = ROOT) -> Ended:
    """Run a command to its end."""
    async with started(*arguments, env=env, cwd=cwd) as process:
        return await end_of(process, " ".join(arguments))


@asynccontextmanager
async def started(*arguments: str, env: dict[str, str], cwd: Path = ROOT) -> AsyncIterator[Process]:
    """A command that goes on; it is killed at the end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(ROOT / "main.py"),
        *arguments,
        env=env,
        cwd=cwd,
        stdout=PIPE,
        stderr=PIPE,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        await end(process)


async def end(process: Process) -> None:
    """Kill all that is left of a process and of those that it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.communicate()


async def interrupt(process: Process) -> int:
    """Press Ctrl-C; return the exit code."""
    process.send_signal(signal.SIGINT)
    return (await end_of(process)).code


async def end_of(process: Process, name: str = "the process") -> Ended:
    """Wait until it ends by itself. Its output is read meanwhile: a full pipe would stop it."""
    async with within(PATIENCE_S, f"{name} ends"):
        out, err = await process.communicate()
    return Ended(process.returncode or 0, out.decode(), err.decode())


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@asynccontextmanager
async def answering(port: int) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the server on this port, once it is ready."""
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as web:
        await until(lambda: _is_ready(web), f"the server on port {port} is ready")
        yield web


async def _is_ready(web: httpx.AsyncClient) -> bool:
    try:
        answer = see(await web.get("/health/ready"))
    except httpx.TransportError as failure:
        see(failure)
        return False
    return answer.status_code == 200
