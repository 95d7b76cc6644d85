"""The real server, our gateway and LiveKit's own client, in one room."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestServer
from livekit import rtc

from domain.meeting import MeetingOptions, room_spec
from gateways.livekit import LiveKit, LiveKitRefusedError, Room
from gateways.livekit_tokens import Admission, Grant, mint
from gateways.livekit_webhooks import Notice, translate, verify
from tests.support.livekit_server import LiveKitServer, running
from tests.support.make import ELEVEN
from tests.support.patience import until, within
from tests.support.ticking import reaching

pytestmark = [pytest.mark.livekit, pytest.mark.asyncio(loop_scope="session")]

ROOM = "itqan-academy-quran-session-121"
SPEC = room_spec(
    ROOM, MeetingOptions(), session_id=121, ends_at=ELEVEN + timedelta(minutes=45), now=ELEVEN
)


@pytest_asyncio.fixture(loop_scope="session")
async def server(tmp_path: Path) -> AsyncIterator[LiveKitServer]:
    with running(tmp_path) as server:
        yield server


@pytest_asyncio.fixture(loop_scope="session")
async def livekit(server: LiveKitServer) -> AsyncIterator[LiveKit]:
    async with reaching(server.api_url) as livekit:
        yield livekit


def token(server: LiveKitServer) -> str:
    admission = Admission(
        room_name=ROOM,
        identity="1_Sara_Ali",
        name="سارة علي",
        metadata='{"role":"STUDENT"}',
        grant=Grant(can_publish=True, can_subscribe=True, can_publish_data=True),
    )
    now = datetime.now(UTC)
    expires_at = now + timedelta(minutes=10)
    return mint(server.key, server.secret, admission, now=now, expires_at=expires_at)


async def test_a_class_is_made_joined_listed_and_closed(
    server: LiveKitServer, livekit: LiveKit
) -> None:
    await livekit.ping()
    room = await livekit.ensure_room(SPEC)
    assert await livekit.ensure_room(SPEC) == room
    assert await livekit.list_rooms() == {ROOM: room}

    client = rtc.Room()
    closed = asyncio.Event()
    client.on("disconnected", lambda *_: closed.set())
    await client.connect(server.url, token(server))
    assert client.local_participant.identity == "1_Sara_Ali"
    assert client.local_participant.name == "سارة علي"
    assert await client.sid == room.sid
    assert client.metadata == SPEC.metadata

    await livekit.delete_room(ROOM)
    await until(closed.is_set, "the guest is put out", within_s=5)
    assert await livekit.list_rooms() == {}
    await livekit.delete_room(ROOM)


async def test_livekits_webhooks_are_signed_and_tell_who_joined_and_left(tmp_path: Path) -> None:
    notices: asyncio.Queue[Notice] = asyncio.Queue()

    async def receive(request: web.Request) -> web.Response:
        body = await request.read()
        keys = {LiveKitServer.key: LiveKitServer.secret}
        verify(body, request.headers.get("Authorization"), keys, datetime.now(UTC))
        notices.put_nowait(translate(body))
        return web.Response()

    app = web.Application()
    app.router.add_post("/webhooks/livekit", receive)
    async with TestServer(app, host="127.0.0.1") as receiver:
        address = str(receiver.make_url("/webhooks/livekit"))
        with running(tmp_path, [address]) as server:
            async with reaching(server.api_url) as livekit:
                room = await livekit.ensure_room(SPEC)
                client = rtc.Room()
                await client.connect(server.url, token(server))
                await client.disconnect()
                await livekit.delete_room(ROOM)
                async with within(20, "four webhooks"):
                    seen = [await notices.get() for _ in range(4)]
    check_story(seen, room)


def check_story(seen: list[Notice], room: Room) -> None:
    started, joined, left, finished = seen
    assert [started.event, finished.event] == ["room_started", "room_finished"]
    assert [joined.event, left.event] == ["participant_joined", "participant_left"]
    assert {notice.room_sid for notice in seen} == {room.sid}
    assert {notice.room_created_ms for notice in seen} == {room.created_ms}
    assert (joined.identity, joined.participant_kind) == ("1_Sara_Ali", "STANDARD")
    assert (joined.joined_ms, joined.participant_sid) == (left.joined_ms, left.participant_sid)
    assert (left.is_disconnected, left.disconnect_reason) == (True, "CLIENT_INITIATED")


async def test_nobody_joins_a_room_that_was_not_made(
    server: LiveKitServer, livekit: LiveKit
) -> None:
    with pytest.raises(rtc.ConnectError):
        await rtc.Room().connect(server.url, token(server))
    assert await livekit.list_rooms() == {}


async def test_a_wrong_secret_is_refused(server: LiveKitServer) -> None:
    async with reaching(server.api_url, secret=server.secret[::-1]) as stranger:
        with pytest.raises(LiveKitRefusedError):
            await stranger.ping()
    await stranger.aclose()


async def test_a_killed_livekit_comes_back_empty_at_the_same_address(
    server: LiveKitServer, livekit: LiveKit
) -> None:
    before = await livekit.ensure_room(SPEC)
    server.kill()
    server.start()
    assert await livekit.list_rooms() == {}
    assert (await livekit.ensure_room(SPEC)).sid != before.sid
