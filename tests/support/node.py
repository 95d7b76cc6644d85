"""Official clients and audits from npm, run by node: they print a line of JSON for each event."""

import asyncio
import fcntl
import json
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import end
from tests.support.patience import PATIENCE_S, within

CLIENTS = Path(__file__).parent / "graphql_clients"

Line = dict[str, Any]


class Client:
    """A running script: `hears()` gives its next line, `tells()` writes one to it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def hears(self) -> Line:
        assert self._process.stdout
        async with within(PATIENCE_S, "a line of the script"):
            line = await self._process.stdout.readline()
        return json.loads(line) if line else {"exit": await self._process.wait()}

    def tells(self, line: str) -> None:
        assert self._process.stdin
        self._process.stdin.write(f"{line}\n".encode())


@asynccontextmanager
async def client(script: str, *arguments: str) -> AsyncIterator[Client]:
    """A script of tests/support/graphql_clients, killed at the end; skips where there is no npm."""
    install_packages(CLIENTS)
    process = await asyncio.create_subprocess_exec(
        "node",
        script,
        *arguments,
        cwd=CLIENTS,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        yield Client(process)
    finally:
        await end(process)


async def run_client(script: str, *arguments: str) -> list[Line]:
    """All the lines that the script prints until it ends by itself."""
    lines: list[Line] = []
    async with client(script, *arguments) as running:
        while "exit" not in (line := await running.hears()):
            lines.append(line)
    assert line == {"exit": 0}
    return lines


@cache
def install_packages(folder: Path) -> None:
    """Run `npm ci` where it was never done; test processes side by side wait for one another."""
    if not shutil.which("npm"):
        pytest.skip("npm is not installed")
    with alone(folder):
        if not (folder / "node_modules" / ".package-lock.json").exists():  # npm writes it last
            _install(folder)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Lock the folder against all other test processes."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _install(folder: Path) -> None:
    command = ["npm", "ci", "--no-audit", "--no-fund"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)  # noqa: S603
    if done.returncode != 0:
        pytest.skip(f"npm could not install {folder.name}'s packages")
