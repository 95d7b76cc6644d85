"""API processes as in production, each with its own port, and a screen at one of them."""

import asyncio
import json
import os
import signal
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection

import clock
from models import User
from tests.support.app import headers
from tests.support.command import configured, free_port, started
from tests.support.livekit_events import PATH
from tests.support.patience import PATIENCE_S, see, until
from tests.support.sockets import dial, heard, subscribe
from tests.support.webhooks import encode, sign


@asynccontextmanager
async def serving(
    database_url: str, redis_url: str, number: int = 2, **values: object
) -> AsyncIterator[list[str]]:
    """The addresses of so many `main.py serve`, without a slash. No clock runs with them."""
    async with AsyncExitStack() as stack:
        env = configured(database_url, redis_url=redis_url, **values)
        ports = [free_port() for _ in range(number)]
        for port in ports:
            await stack.enter_async_context(started("serve", "--port", str(port), env=env))
        urls = [f"http://127.0.0.1:{port}" for port in ports]
        for url in urls:
            await is_alive(url)
        yield urls


@asynccontextmanager
async def serving_at_one_port(
    database_url: str, **values: object
) -> AsyncIterator[tuple[Process, int]]:
    """`main.py serve --workers 2`, once it answers, and its port."""
    port, env = free_port(), configured(database_url, **values)
    async with started("serve", "--port", str(port), "--workers", "2", env=env) as process:
        await is_alive(f"http://127.0.0.1:{port}")
        yield process, port


async def is_alive(url: str) -> None:
    async def answers() -> bool:
        try:
            return see(await web.get(f"{url}/health/live")).status_code == 200
        except httpx.TransportError as failure:
            see(failure)
            return False

    async with httpx.AsyncClient() as web:
        await until(answers, f"{url} is alive", within_s=2 * PATIENCE_S)


@asynccontextmanager
async def watching(url: str, user: User, query: str, **variables: Any) -> AsyncIterator["Screen"]:
    async with dial(url) as socket:
        await socket.send(json.dumps({"type": "connection_init", "payload": headers(user)}))
        await socket.recv()
        await socket.send(subscribe(query, variables=variables))
        yield Screen(socket)


class Screen:
    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket

    async def next(self) -> dict[str, Any]:
        """The next event, the one field of its data."""
        frame = await heard(self._socket)
        assert frame["type"] == "next", frame
        assert not frame["payload"].get("errors"), frame
        (event,) = frame["payload"]["data"].values()
        return dict(event)


async def post(web: httpx.AsyncClient, url: str, event: dict[str, Any]) -> None:
    """Post a webhook as LiveKit sends it now."""
    body = encode(event)
    signed = {"Authorization": sign(body, now=clock.now())}
    (await web.post(f"{url}{PATH}", content=body, headers=signed)).raise_for_status()


async def ask(url: str, query: str, as_: User, **variables: Any) -> dict[str, Any]:
    async with httpx.AsyncClient() as web:
        answer = await web.post(
            f"{url}/graphql", json={"query": query, "variables": variables}, headers=headers(as_)
        )
    found: dict[str, Any] = answer.json()
    assert "errors" not in found, found
    return dict(found["data"])


@dataclass(frozen=True, slots=True)
class Child:
    number: int

    @property
    def is_there(self) -> bool:
        return Path(f"/proc/{self.number}").exists() and "\nState:\tZ" not in self._status

    @property
    def _status(self) -> str:
        return Path(f"/proc/{self.number}/status").read_text()

    def kill(self) -> None:
        os.kill(self.number, signal.SIGKILL)


async def children_of(parent: int, number: int) -> list[Child]:
    """The serving processes, once there are so many."""
    while len(found := _serving(parent)) < number:  # noqa: ASYNC110
        await asyncio.sleep(0.05)
    return found


def _serving(parent: int) -> list[Child]:
    listed = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    lines = {int(child): Path(f"/proc/{child}/cmdline").read_bytes() for child in listed}
    return [Child(number) for number, line in lines.items() if b"spawn_main" in line]
