"""The clients that people use, against our socket: graphql-ws from npm and gql from PyPI."""

from contextlib import AsyncExitStack
from datetime import timedelta

import pytest
from gql import Client, gql
from gql.transport.exceptions import TransportQueryError
from gql.transport.websockets import WebsocketsTransport

from tests.support.counting import World, counting_app
from tests.support.node import Client as NodeClient
from tests.support.node import client
from tests.support.patience import until
from tests.support.server import serve, serving


@pytest.fixture
def world() -> World:
    return World()


def socket_url(url: str) -> str:
    return url.replace("http", "ws") + "/graphql"


async def hears(follower: NodeClient, *keys: str) -> list[object]:
    """The next lines, without the client's own keep-alive."""
    told = []
    for key in keys:
        line = await follower.hears()
        while "pong" in line:
            line = await follower.hears()
        assert key in line, line
        told.append(line[key])
    return told


async def test_graphql_ws_follows_a_subscription_to_its_end(world: World) -> None:
    query = "subscription { count { number } }"
    async with (
        serve(counting_app(world)) as url,
        client("follow.mjs", socket_url(url), "salma", query) as follower,
    ):
        heard = await hears(follower, "connected", "next", "next", "next", "complete", "closed")
        assert heard[1:4] == [{"data": {"count": {"number": n}}} for n in range(3)]
        assert heard[-1] == 1000
        assert world.tokens == ["salma"]


async def test_graphql_ws_keeps_its_socket_alive_and_stops_when_told(world: World) -> None:
    async with (
        serve(counting_app(world)) as url,
        client("follow.mjs", socket_url(url), "salma", "subscription { idle }") as follower,
    ):
        assert await follower.hears() == {"connected": True}
        assert await follower.hears() == {"pong": True}
        follower.tells("stop")
        assert await follower.hears() == {"complete": True}
        await until(lambda: world.stopped == 1)


async def test_graphql_ws_hears_an_error_with_its_code(world: World) -> None:
    async with (
        serve(counting_app(world)) as url,
        client("follow.mjs", socket_url(url), "salma", "subscription { withdrawn }") as follower,
    ):
        _, _, error = await hears(follower, "connected", "next", "error")
        assert error == [{"message": "No such thing.", "extensions": {"code": "NOT_FOUND"}}]


async def test_graphql_ws_comes_back_when_its_connection_is_cut(world: World) -> None:
    query = "subscription { count(to: 1000000, delay: 0.02) { number } }"
    app = counting_app(world)
    async with serving(app) as (url, server):
        async with client("follow.mjs", socket_url(url), "salma", query) as follower:
            await hears(follower, "connected", "next")
            for connection in list(server.server_state.connections):
                connection.transport.abort()
            while "closed" not in (line := await follower.hears()):
                pass
            assert line["closed"] == 1006
            assert (await hears(follower, "connected", "next"))[1] == {
                "data": {"count": {"number": 0}}
            }
        await until(lambda: (world.started, world.stopped) == (2, 2))


async def test_graphql_ws_comes_back_when_a_stream_breaks(world: World) -> None:
    async with (
        serve(counting_app(world)) as url,
        client("follow.mjs", socket_url(url), "salma", "subscription { breaks }") as follower,
    ):
        once = ["connected", "next", "closed"]
        assert (await hears(follower, *once))[-1] == 1013
        assert (await hears(follower, *once))[-1] == 1013


async def test_graphql_ws_signs_in_again_when_its_token_expires(world: World) -> None:
    world.lasts = timedelta(seconds=0.5)
    async with (
        serve(counting_app(world)) as url,
        client("follow.mjs", socket_url(url), "salma", "subscription { idle }") as follower,
    ):
        await until(lambda: world.started == 1)
        world.lasts = None  # the next token is valid
        assert await hears(follower, "connected", "closed") == [True, 4403]
        await until(lambda: world.started == 2)
        assert set(world.tokens) == {"salma"}


async def test_graphql_ws_gives_up_on_a_token_that_is_no_good(world: World) -> None:
    async with (
        serve(counting_app(world)) as url,
        client("follow.mjs", socket_url(url), "bad", "{ hello }", "2") as follower,
    ):
        assert await hears(follower, "closed", "closed", "closed", "failed") == [4403] * 4


async def test_graphql_ws_comes_back_after_the_server_was_restarted(world: World) -> None:
    async with AsyncExitStack() as following:
        async with serving(counting_app(world)) as (url, _):
            script = client("follow.mjs", socket_url(url), "salma", "subscription { idle }", "100")
            follower = await following.enter_async_context(script)
            await until(lambda: world.started == 1)
        assert await hears(follower, "connected", "closed", "closed") == [True, 1012, 1006]
        port = int(url.rpartition(":")[2])
        async with serving(counting_app(world), port=port):
            await until(lambda: world.started == 2)
            await following.aclose()


async def test_graphql_ws_gives_a_silent_socket_up_and_subscribes_again(world: World) -> None:
    async with (
        serve(counting_app(world)) as url,
        client("notice.mjs", socket_url(url), "subscription { idle }", "300") as follower,
    ):
        once = ["connected", "closed"]
        assert await hears(follower, *once) == [True, 4499]
        await until(lambda: world.started == 2)
        assert await hears(follower, *once) == [True, 4499]


async def test_graphql_ws_watches_no_socket_that_it_has_closed_itself(world: World) -> None:
    query = "subscription { count { number } }"
    async with (
        serve(counting_app(world)) as url,
        client("notice.mjs", socket_url(url), query, "60000") as follower,
    ):
        await hears(follower, "connected", "next", "next", "next", "complete", "closed")
        assert await follower.hears() == {"exit": 0}  # no timer is left


async def test_gql_asks_changes_and_follows(world: World) -> None:
    async with serve(counting_app(world)) as url:
        transport = WebsocketsTransport(
            socket_url(url),
            init_payload={"Authorization": "Bearer salma"},
            subprotocols=[WebsocketsTransport.GRAPHQLWS_SUBPROTOCOL],
            ping_interval=0.05,
            pong_timeout=5,
        )
        async with Client(transport=transport, fetch_schema_from_transport=True) as session:
            assert await session.execute(gql("{ viewer }")) == {"viewer": "salma"}
            assert await session.execute(gql("mutation { raiseNumber }")) == {"raiseNumber": 1}
            stream = session.subscribe(gql("subscription { count(delay: 0.05) { number } }"))
            assert [event["count"]["number"] async for event in stream] == [0, 1, 2]
            with pytest.raises(TransportQueryError) as refusal:
                async for _ in session.subscribe(gql("subscription { withdrawn }")):
                    pass
            assert refusal.value.errors == [
                {"message": "No such thing.", "extensions": {"code": "NOT_FOUND"}}
            ]
