"""Traces one webhook to a watcher's screen: the functions of ours that it enters."""

import json
import sys
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

import httpx

import clock
from schema.types.ids import Kind, encode
from tests.support import make
from tests.support.app import headers, serving_app
from tests.support.livekit_events import PATH, Room, Stay
from tests.support.livekit_stub import LiveKitStub
from tests.support.patience import PATIENCE_S
from tests.support.sockets import dial, heard, subscribe
from tests.support.streams import PRESENCE
from tests.support.webhooks import encode as body_of
from tests.support.webhooks import sign

ROOT = Path(__file__).parents[2]
# The loops, the work they start and the backstops run by themselves: on a busy machine, meanwhile.
# The tests are no part of the path.
BESIDE = ("tasks/", "subscriptions/backstop.py")
NOT_OURS = ("tests", "benchmarks", ".venv")


class Entered(NamedTuple):
    """A named function that was entered; `file` is its path from the project's folder."""

    file: str
    name: str


@cache
def _file(filename: str) -> str | None:
    path = Path(filename)
    if not path.is_relative_to(ROOT):
        return None
    inside = path.relative_to(ROOT)
    return None if inside.parts[0] in NOT_OURS else inside.as_posix()


def _is_beside(frame: FrameType | None) -> bool:
    while frame is not None:
        if (_file(frame.f_code.co_filename) or "").startswith(BESIDE):
            return True
        frame = frame.f_back
    return False


@contextmanager
def tracing() -> Iterator[set[Entered]]:
    """Note the named functions of ours that this thread enters: no lambda, no comprehension."""
    entered: set[Entered] = set()

    def note(frame: FrameType, event: str, _: Any) -> None:
        if event != "call" or frame.f_code.co_name.startswith("<"):
            return
        file = _file(frame.f_code.co_filename)
        if file is not None and not _is_beside(frame):
            entered.add(Entered(file, frame.f_code.co_qualname))

    former = sys.getprofile()
    sys.setprofile(note)
    try:
        yield entered
    finally:
        sys.setprofile(former)


async def trace_leave(database_url: str) -> set[Entered]:
    """Trace a `participant_left` from its POST to the frame that one watcher gets of it."""
    async with AsyncExitStack() as stack:
        stub = await stack.enter_async_context(LiveKitStub())
        served = await stack.enter_async_context(
            serving_app(database_url, livekit_api_url=stub.url)
        )
        livekit = await stack.enter_async_context(httpx.AsyncClient(timeout=PATIENCE_S))
        now = clock.now()
        academy = await make.academy()
        teacher, student = await make.teacher(academy), await make.student(academy)
        session = await make.session(academy, teacher, student=student, at=now, now=now)
        room, stay = Room(session, now), Stay(student, now)

        async def post(event: dict[str, Any]) -> None:
            body = body_of(event)
            signed = {"Authorization": sign(body, now=clock.now())}
            answer = await livekit.post(f"{served.url}{PATH}", content=body, headers=signed)
            answer.raise_for_status()

        await post(room.joined(stay))
        socket = await stack.enter_async_context(dial(served.url))
        await socket.send(json.dumps({"type": "connection_init", "payload": headers(teacher)}))
        await heard(socket)
        variables = {"id": encode(Kind.SESSION, session.id)}
        await socket.send(subscribe(PRESENCE, variables=variables))
        await heard(socket)
        left = room.left(stay, clock.now())
        with tracing() as first:
            await post(left)
            await heard(socket)
        again = Stay(student, clock.now())
        await post(room.joined(again))
        await heard(socket)
        left = room.left(again, clock.now())
        with tracing() as second:
            await post(left)
            await heard(socket)
    return first & second  # what runs by itself on a busy machine is hardly in both
