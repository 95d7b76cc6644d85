"""Measure how long a webhook takes to a watcher's screen: 1,000 of them, one at a time.

    .venv/bin/python -m benchmarks.webhook_to_watcher [sqlite|postgres|processes]

The time runs from just before the POST is written to the moment the frame is read, over loopback.
`sqlite` and `postgres` run in one process with the server. `processes` runs two servers on
PostgreSQL and Redis: the first receives the webhooks, each has one screen, and both screens are
timed. Absolute times differ from machine to machine: compare the ratios."""

import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection

import clock
import tests.support.environment  # noqa: F401 - first: the settings read it
from models import Session, User
from models.database.connection import close_database, open_database
from models.database.migration_runner import migrate
from schema.types.ids import Kind, encode
from tests.support import make, postgres, redis
from tests.support.app import headers, serving_app
from tests.support.livekit_events import PATH, Room, Stay
from tests.support.processes import serving
from tests.support.sockets import dial, subscribe
from tests.support.streams import PRESENCE
from tests.support.webhooks import encode as body_of
from tests.support.webhooks import sign

WEBHOOKS = 1000
STUDENTS = 50  # each joins and leaves ten times
PAUSE_S = 0.02

Times = list[float]  # seconds to the answer, and to each screen


@dataclass(frozen=True, slots=True)
class Classroom:
    session: Session
    teacher: User
    students: list[User]

    def webhooks(self) -> Iterator[dict[str, Any]]:
        """Events of people who join and leave, one after the other."""
        room = Room(self.session, clock.now())
        for number in range(WEBHOOKS // 2):
            stay = Stay(self.students[number % STUDENTS], clock.now())
            yield room.joined(stay)
            yield room.left(stay, clock.now())


async def start_session() -> Classroom:
    now = clock.now()
    academy = await make.academy()
    teacher = await make.teacher(academy)
    students = [await make.student(academy) for _ in range(STUDENTS)]
    circle = await make.group(academy, teacher, *students)
    session = await make.session(academy, teacher, group=circle, at=now, now=now)
    return Classroom(session, teacher, students)


async def in_one(database_url: str) -> list[Times]:
    await migrate(database_url)
    async with serving_app(database_url) as served:
        return await measure(await start_session(), served.url, served.url)


async def in_two(database_url: str, redis_url: str) -> list[Times]:
    await migrate(database_url)
    await open_database(database_url)
    try:
        async with serving(database_url, redis_url) as (first, second):
            return await measure(await start_session(), first, first, second)
    finally:
        await close_database()


async def measure(classroom: Classroom, url: str, *screens: str) -> list[Times]:
    """Post to one server and time the screens, which may be at other servers."""
    async with AsyncExitStack() as stack:
        livekit = await stack.enter_async_context(httpx.AsyncClient())
        sockets = [await stack.enter_async_context(dial(screen)) for screen in screens]
        for socket in sockets:
            await watch(
                socket, headers(classroom.teacher), encode(Kind.SESSION, classroom.session.id)
            )
        return [await one(url, livekit, sockets, event) for event in classroom.webhooks()]


async def watch(socket: ClientConnection, auth: dict[str, str], session_id: str) -> None:
    await socket.send(json.dumps({"type": "connection_init", "payload": auth}))
    await socket.recv()
    await socket.send(subscribe(PRESENCE, variables={"id": session_id}))
    await socket.recv()


async def one(
    url: str, livekit: httpx.AsyncClient, sockets: list[ClientConnection], event: dict[str, Any]
) -> Times:
    """Post one webhook and wait for its frames."""
    await asyncio.sleep(PAUSE_S)
    body = body_of(event)
    signed = {"Authorization": sign(body, now=clock.now())}
    started_at = time.perf_counter()
    posting = answered(livekit, f"{url}{PATH}", body, signed)
    moments = await asyncio.gather(posting, *(seen(socket) for socket in sockets))
    return [moment - started_at for moment in moments]


async def seen(socket: ClientConnection) -> float:
    await socket.recv()
    return time.perf_counter()


async def answered(
    livekit: httpx.AsyncClient, url: str, body: bytes, signed: dict[str, str]
) -> float:
    answer = await livekit.post(url, content=body, headers=signed)
    answer.raise_for_status()
    return time.perf_counter()


def report(times: list[Times], *names: str) -> None:
    for name, values in zip(names, zip(*times, strict=True), strict=True):
        cuts = statistics.quantiles(values, n=100)
        print(f"{name:20} p50 {cuts[49] * 1000:6.1f} ms   p99 {cuts[98] * 1000:6.1f} ms")  # noqa: T201


def main() -> None:
    modes = sys.argv[1:]
    with ExitStack() as stack:
        if "processes" in modes:
            database = stack.enter_context(postgres.running())
            times = asyncio.run(in_two(database, stack.enter_context(redis.running())))
            report(times, "answered", "on screen, same", "on screen, other")
            return
        if "postgres" in modes:
            url = stack.enter_context(postgres.running())
        else:
            url = f"sqlite:///{stack.enter_context(tempfile.TemporaryDirectory())}/halaqa.db"
        report(asyncio.run(in_one(url)), "answered", "on screen")


if __name__ == "__main__":
    main()
