"""Official clients and audits from npm, run by node: a line of JSON for each thing they see."""

import asyncio
import json
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest

CLIENTS = Path(__file__).parent / "graphql_clients"

Line = dict[str, Any]


class Client:
    """A running script: `hears()` gives its next line, `tells()` writes one to it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def hears(self) -> Line:
        assert self._process.stdout
        line = await asyncio.wait_for(self._process.stdout.readline(), 30)
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
    )
    try:
        yield Client(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def run_client(script: str, *arguments: str) -> list[Line]:
    """All the lines the script prints until it ends by itself."""
    lines: list[Line] = []
    async with client(script, *arguments) as running:
        while "exit" not in (line := await running.hears()):
            lines.append(line)
    assert line == {"exit": 0}
    return lines


@cache
def install_packages(folder: Path) -> None:
    """`npm ci`, once a run and only where nothing is installed yet."""
    if not shutil.which("npm"):
        pytest.skip("npm is not installed")
    if (folder / "node_modules").exists():
        return
    command = ["npm", "ci", "--no-audit", "--no-fund"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)  # noqa: S603
    if done.returncode != 0:
        pytest.skip(f"npm could not install {folder.name}'s packages")
