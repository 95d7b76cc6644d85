"""A silent socket is pinged by messages, and closed when it leaves two of them unanswered."""

import asyncio

import pytest

from subscriptions.connection import SocketLimits
from tests.support.counting import World, counting_app
from tests.support.other_servers import Serve, by_plain_uvicorn
from tests.support.patience import until
from tests.support.server import serve
from tests.support.sockets import INIT, PING, dial, ended, received, signed_in, subscribe

OFTEN = SocketLimits(ping_s=0.1)
SELDOM = SocketLimits(ping_s=0.5)  # so that a busy machine answers in time
everywhere = pytest.mark.parametrize("serving", [serve, by_plain_uvicorn])


@pytest.fixture
def world() -> World:
    return World()


@everywhere
async def test_a_client_that_answers_nothing_gets_two_pings_and_is_closed(
    world: World, serving: Serve
) -> None:
    async with serving(counting_app(world, limits=OFTEN)) as url, signed_in(url) as socket:
        await socket.send(subscribe("subscription { idle }"))
        assert [await received(socket), await received(socket)] == [PING, PING]
        assert await ended(socket) == (1013, "No answer to pings")
        await until(lambda: world.stopped == 1)


@everywhere
async def test_a_client_that_answers_is_pinged_again_and_again(
    world: World, serving: Serve
) -> None:
    async with serving(counting_app(world, limits=SELDOM)) as url, signed_in(url) as socket:
        await socket.send(subscribe("subscription { idle }"))
        for _ in range(4):
            assert await received(socket) == PING
            await socket.send('{"type":"pong"}')
        assert world.stopped == 0


async def test_pings_of_the_websocket_keep_a_client_that_answers_no_messages(world: World) -> None:
    async with serve(counting_app(world, limits=SELDOM)) as url, signed_in(url) as socket:
        for _ in range(4):
            assert await received(socket) == PING
            await (await socket.ping())


async def test_nothing_is_pinged_before_it_is_acknowledged(world: World) -> None:
    async with serve(counting_app(world, limits=OFTEN)) as url, dial(url) as socket:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await socket.recv()
        await socket.send(INIT)
        assert await received(socket) == {"type": "connection_ack"}
        assert await received(socket) == PING
