"""Crowds on real sockets: what is written past the tasks, and what calls these back."""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection

import clock
from actions.sessions.session_cancel import cancel_session
from domain.access import UserRole
from schema.types.ids import Kind, encode
from subscriptions.crowds import Member
from subscriptions.hub import Hub
from tests.conftest import Template
from tests.support import make
from tests.support.app import headers
from tests.support.live_class import LiveClass, live_class
from tests.support.patience import until
from tests.support.sockets import dial, ended, heard, subscribe
from tests.support.streams import EVENTS, PRESENCE, ROW

# The compiler does not know `session`, which is read from the database.
UNCOMPILED = PRESENCE.replace("... on PresenceChanges {", "... on PresenceChanges { ...More ") + (
    "fragment More on PresenceChanges { changes { session { id } } }"
)


@pytest.fixture(autouse=True)
def waiting(monkeypatch: pytest.MonkeyPatch) -> set[Member]:
    """All who are waiting now."""
    now: set[Member] = set()
    wait = Member.wait

    async def note(one: Member) -> int:
        now.add(one)
        try:
            return await wait(one)
        finally:
            now.discard(one)

    monkeypatch.setattr(Member, "wait", note)
    return now


@pytest.fixture
async def live(template: Template) -> AsyncIterator[LiveClass]:
    """A class that has become ONGOING, so that nothing more happens by itself."""
    async with live_class(template) as live:
        async with screen(live) as socket:
            await socket.send(asked(live, EVENTS))
            status = (await event(socket))["session"]["status"]
            while status != "ONGOING":
                told = await event(socket)
                status = told.get("to", status)
        yield live


@asynccontextmanager
async def screen(live: LiveClass) -> AsyncIterator[ClientConnection]:
    """The teacher's socket."""
    async with dial(live.served.url) as socket:
        parameters = headers(live.teacher)
        await socket.send(json.dumps({"type": "connection_init", "payload": parameters}))
        assert await heard(socket) == {"type": "connection_ack"}
        yield socket


def asked(
    live: LiveClass, query: str = PRESENCE, operation: str = "1", **variables: str | None
) -> str:
    return subscribe(query, operation, variables={"id": live.id, **variables})


async def event(socket: ClientConnection) -> dict[str, Any]:
    message = await heard(socket)
    assert message["type"] == "next", message
    (told,) = message["payload"]["data"].values()
    return dict(told)


async def test_a_crowd_is_told_what_each_would_be_told_alone(
    live: LiveClass, waiting: set[Member]
) -> None:
    async with AsyncExitStack() as stack:
        screens = [await stack.enter_async_context(screen(live)) for _ in range(4)]
        *crowd, alone = screens
        for socket in crowd:
            await socket.send(asked(live))
        await alone.send(asked(live, UNCOMPILED))
        for socket in screens:
            assert (await event(socket))["__typename"] == "PresenceSnapshot"
        await until(lambda: len(waiting) == 4)
        await live.joins()
        one, *others = [await heard(socket) for socket in crowd]
        assert others == [one, one]
        by_core, told = await event(alone), one["payload"]["data"]["sessionPresence"]
        assert by_core.pop("asOf") >= told.pop("asOf")  # it is executed later
        assert [change.pop("session") for change in by_core["changes"]] == [{"id": live.id}]
        assert by_core == told


async def test_each_kind_of_stream_waits_in_a_crowd(live: LiveClass, waiting: set[Member]) -> None:
    async with screen(live) as socket:
        user = str(encode(Kind.USER, live.student.id))
        await socket.send(asked(live, PRESENCE, "presence"))
        await socket.send(asked(live, EVENTS, "events"))
        await socket.send(asked(live, ROW, "row", user=user))
        for _ in range(3):
            await event(socket)
        await until(lambda: len(waiting) == 3)
        await live.joins()
        news = {}
        for message in [await heard(socket) for _ in range(3)]:
            (news[message["id"]],) = message["payload"]["data"].values()
        assert news["presence"]["changes"][0]["presence"] == "IN_MEETING"
        assert news["row"]["attendance"]["presence"] == "IN_MEETING"
        assert news["events"]["__typename"] == "PresenceChanged"
        await until(lambda: len(waiting) == 3)


async def test_after_complete_nothing_of_the_old_operation_is_written(
    live: LiveClass, waiting: set[Member]
) -> None:
    async with screen(live) as socket:
        await socket.send(asked(live))
        before = (await event(socket))["version"]
        await until(lambda: len(waiting) == 1)
        await socket.send('{"type":"complete","id":"1"}')
        await socket.send(asked(live))
        again = await event(socket)
        assert (again["__typename"], again["version"]) == ("PresenceSnapshot", before)
        await until(lambda: len(waiting) == 1)
        await live.joins()
        assert (await event(socket))["__typename"] == "PresenceChanges"
        await socket.send('{"type":"ping"}')
        assert await heard(socket) == {"type": "pong"}


async def test_a_roster_that_is_final_is_told_and_ends_the_stream(
    live: LiveClass, waiting: set[Member]
) -> None:
    admin = await make.user(await live.session.academy, UserRole.ACADEMY_ADMIN)
    async with screen(live) as socket:
        await socket.send(asked(live))
        await event(socket)
        await until(lambda: len(waiting) == 1)
        await cancel_session(make.viewer(admin), live.session.id, None, clock.now())
        message = await heard(socket)
        while message["type"] == "next":
            message = await heard(socket)
        assert message == {"type": "complete", "id": "1"}


async def test_a_fault_of_ours_after_what_was_written_asks_the_client_to_come_back(
    live: LiveClass, waiting: set[Member], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client resumes, so that its own task has sent nothing: all came past it."""
    async with screen(live) as socket:
        await socket.send(asked(live, operation="first"))
        cursor = (await event(socket))["cursor"]
        await socket.send('{"type":"complete","id":"first"}')
        await until(lambda: not waiting)
        await socket.send(asked(live, after=cursor))
        await until(lambda: len(waiting) == 1)
        stay = await live.joins()
        assert (await event(socket))["__typename"] == "PresenceChanges"
        monkeypatch.setattr(Hub, "after", lambda hub, position: 1 / 0)
        await live.leaves(stay)
        assert await ended(socket) == (1013, "Try again later")
