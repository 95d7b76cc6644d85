"""How long a webhook takes to a watcher's screen: 1,000 of them, one at a time, at an easy pace.

    .venv/bin/python -m benchmarks.webhook_to_watcher [sqlite|postgres]

From just before the POST is written to the moment the frame is read, over loopback, in one
process with the server. Absolute times differ from machine to machine: read the ratio of the way
to the screen to the way of the webhook's own answer.
"""

import asyncio
import json
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection

import clock
import tests.support.environment  # noqa: F401 - first: the settings read it
from models.database import migrate
from schema.types.ids import Kind, encode
from tests.support import make, postgres
from tests.support.app import Served, headers, serving_app
from tests.support.livekit_events import PATH, Room, Stay
from tests.support.sockets import dial, subscribe
from tests.support.streams import PRESENCE
from tests.support.webhooks import encode as body_of
from tests.support.webhooks import sign

WEBHOOKS = 1000
STUDENTS = 50  # each comes and goes ten times
PAUSE_S = 0.02

Times = tuple[float, float]  # seconds to the answer, and to the screen


async def measure(database_url: str) -> list[Times]:
    await migrate(database_url)
    async with serving_app(database_url) as served:
        now = clock.now()
        academy = await make.academy()
        teacher = await make.teacher(academy)
        students = [await make.student(academy) for _ in range(STUDENTS)]
        circle = await make.group(academy, teacher, *students)
        session = await make.session(academy, teacher, group=circle, at=now, now=now)
        async with dial(served.url) as socket, httpx.AsyncClient() as livekit:
            await watch(socket, headers(teacher), encode(Kind.SESSION, session.id))
            room, times = Room(session, now), []
            for number in range(WEBHOOKS // 2):
                stay = Stay(students[number % STUDENTS], clock.now())
                times.append(await one(served, livekit, socket, room.joined(stay)))
                left = room.left(stay, clock.now())
                times.append(await one(served, livekit, socket, left))
            return times


async def watch(socket: ClientConnection, auth: dict[str, str], session_id: str) -> None:
    await socket.send(json.dumps({"type": "connection_init", "payload": auth}))
    await socket.recv()
    await socket.send(subscribe(PRESENCE, variables={"id": session_id}))
    await socket.recv()


async def one(
    served: Served, livekit: httpx.AsyncClient, socket: ClientConnection, event: dict[str, Any]
) -> Times:
    """Post one webhook and wait for its frame."""
    await asyncio.sleep(PAUSE_S)
    body = body_of(event)
    signed = {"Authorization": sign(body, now=clock.now())}
    began = time.perf_counter()
    posting = asyncio.create_task(answered(livekit, f"{served.url}{PATH}", body, signed))
    await socket.recv()
    seen = time.perf_counter()
    return await posting - began, seen - began


async def answered(
    livekit: httpx.AsyncClient, url: str, body: bytes, signed: dict[str, str]
) -> float:
    answer = await livekit.post(url, content=body, headers=signed)
    answer.raise_for_status()
    return time.perf_counter()


def report(times: list[Times]) -> None:
    for name, values in zip(("answered", "on screen"), zip(*times, strict=True), strict=True):
        cuts = statistics.quantiles(values, n=100)
        print(f"{name:10} p50 {cuts[49] * 1000:6.1f} ms   p99 {cuts[98] * 1000:6.1f} ms")  # noqa: T201


def main() -> None:
    with ExitStack() as stack:
        if "postgres" in sys.argv[1:]:
            url = stack.enter_context(postgres.running())
        else:
            url = f"sqlite:///{stack.enter_context(tempfile.TemporaryDirectory())}/halaqa.db"
        report(asyncio.run(measure(url)))


if __name__ == "__main__":
    main()
