"""The life of a socket on a real server: its operations, and everything that ends it."""

import json
import tracemalloc
from contextlib import aclosing
from datetime import timedelta
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from subscriptions.connection import SocketLimits
from subscriptions.transport import SocketProtocol
from tests.support.counting import Context, World, counting_app, counting_schema
from tests.support.patience import until
from tests.support.server import serve, serving
from tests.support.sockets import INIT, dial, ended, heard, signed_in, subscribe


@pytest.fixture
def world() -> World:
    return World()


DONE = {"id": "1", "type": "complete"}


def refused(code: str, message: str) -> dict[str, Any]:
    return {"message": message, "extensions": {"code": code}}


async def test_queries_and_mutations_run_over_the_socket_too(world: World) -> None:
    async with serve(counting_app(world)) as url, signed_in(url) as socket:
        await socket.send(subscribe('{ hello(name: "سلمى") }'))
        data = {"data": {"hello": "hello سلمى"}}
        assert await heard(socket) == {"id": "1", "type": "next", "payload": data}
        assert await heard(socket) == DONE
        await socket.send(
            subscribe("mutation M($by: Int!) { raiseNumber(by: $by) }", variables={"by": 7})
        )
        assert (await heard(socket))["payload"] == {"data": {"raiseNumber": 7}}
        assert await heard(socket) == DONE


async def test_a_resolver_that_fails_leaves_the_rest_of_the_answer(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    async with serve(counting_app(world)) as url, signed_in(url) as socket:
        await socket.send(subscribe("{ hello broken missing private }"))
        answer = (await heard(socket))["payload"]
    assert answer["data"] == {
        "hello": "hello world",
        "broken": None,
        "missing": None,
        "private": None,
    }
    told = {error["path"][0]: (error["message"], error["extensions"]) for error in answer["errors"]}
    assert told == {
        "broken": ("Internal error.", {"code": "INTERNAL"}),
        "missing": ("No such thing.", {"code": "NOT_FOUND", "field": ["id"]}),
        "private": ("Sign in first.", {"code": "UNAUTHENTICATED"}),
    }
    logged = [record for record in caplog.records if record.levelname == "ERROR"]
    assert [(record.message, str(record.exc_info[1])) for record in logged if record.exc_info] == [
        ("execution failed", "dsn=postgres://secret")
    ]


async def test_a_subscription_yields_each_event_with_fresh_loaders_then_completes(
    world: World,
) -> None:
    async with serve(counting_app(world)) as url, signed_in(url) as socket:
        await socket.send(subscribe("subscription { count { number loaded } }"))
        events = [(await heard(socket))["payload"]["data"]["count"] for _ in range(3)]
        assert events == [{"number": n, "loaded": n + 1} for n in range(3)]
        assert await heard(socket) == DONE


async def test_complete_ends_the_operation_and_its_id_may_be_used_again(world: World) -> None:
    async with serve(counting_app(world)) as url, signed_in(url) as socket:
        await socket.send(subscribe("subscription { idle }"))
        await until(lambda: world.started == 1)
        await socket.send('{"id":"1","type":"complete"}')
        await socket.send(subscribe("{ hello }"))
        assert (await heard(socket))["type"] == "next"
        assert await heard(socket) == DONE
        await until(lambda: world.stopped == 1)


async def test_all_operations_end_when_the_client_goes(world: World) -> None:
    async with serve(counting_app(world)) as url:
        async with signed_in(url) as socket:
            for number in range(5):
                await socket.send(subscribe("subscription { idle }", str(number)))
            await until(lambda: world.started == 5)
            socket.transport.abort()
        await until(lambda: world.stopped == 5)


async def test_the_hundred_and_first_operation_is_refused_and_the_hundred_go_on(
    world: World,
) -> None:
    async with serve(counting_app(world)) as url, signed_in(url) as socket:
        for number in range(101):
            await socket.send(subscribe("subscription { idle }", str(number)))
        message = "At most 100 operations at once on one connection."
        error = refused("LIMIT_EXCEEDED", message)
        assert await heard(socket) == {"id": "100", "type": "error", "payload": [error]}
        await until(lambda: world.started == 100)
        await socket.send('{"id":"0","type":"complete"}')
        await socket.send(subscribe("subscription { idle }", "100"))
        await until(lambda: world.started == 101)


async def test_a_refusal_in_mid_stream_is_one_error_message(world: World) -> None:
    async with serve(counting_app(world)) as url, signed_in(url) as socket:
        await socket.send(subscribe("subscription { withdrawn }"))
        assert (await heard(socket))["payload"] == {"data": {"withdrawn": 0}}
        error = refused("NOT_FOUND", "No such thing.")
        assert await heard(socket) == {"id": "1", "type": "error", "payload": [error]}
        await socket.send(subscribe("{ hello }"))
        assert (await heard(socket))["type"] == "next"


@pytest.mark.parametrize(
    "query", ["subscription { breaks }", "subscription { count { number broken } }"]
)
async def test_a_fault_in_mid_stream_closes_with_a_code_that_clients_retry(
    query: str, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    async with serve(counting_app(world)) as url, signed_in(url) as socket:
        await socket.send(subscribe("subscription { idle }", "sibling"))
        await socket.send(subscribe(query))
        assert (await heard(socket))["type"] == "next"
        assert await ended(socket) == (1013, "Try again later")
        await until(lambda: world.stopped == world.started)
    assert [r.message for r in caplog.records if r.levelname == "ERROR"] == ["execution failed"]


async def test_a_long_subscription_keeps_nothing_of_its_past_events(world: World) -> None:
    events = await counting_schema.subscribe(
        "subscription { count(to: 3000) { number } }", context_value=Context(world, "nobody")
    )
    async with aclosing(events):
        for _ in range(500):
            await anext(events)
        tracemalloc.start()
        before, _ = tracemalloc.get_traced_memory()
        for _ in range(2000):
            await anext(events)
        after, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert after - before < 100_000  # it once was 1 KiB and more for each event


async def test_a_sign_in_that_fails_by_our_fault_may_be_tried_again(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    async with serve(counting_app(world)) as url, dial(url) as socket:
        parameters = {"Authorization": "Bearer crash"}
        await socket.send(json.dumps({"type": "connection_init", "payload": parameters}))
        assert await ended(socket) == (1013, "Try again later")
    assert [r.message for r in caplog.records if r.levelname == "ERROR"] == ["socket failed"]


async def test_the_socket_closes_when_its_token_expires(world: World) -> None:
    world.lasts = timedelta(seconds=0.3)
    async with serve(counting_app(world)) as url, signed_in(url) as socket:
        await socket.send(subscribe("subscription { idle }"))
        assert await ended(socket) == (4403, "Token expired")
        await until(lambda: world.stopped == 1)


async def test_a_client_that_never_signs_in_is_closed(world: World) -> None:
    limits = SocketLimits(init_s=0.1)
    async with serve(counting_app(world, limits=limits)) as url, dial(url) as socket:
        assert await ended(socket) == (4408, "Connection initialisation timeout")


async def test_a_server_that_stops_says_so_with_a_code_that_clients_retry(world: World) -> None:
    async with serving(counting_app(world)) as (url, server), signed_in(url) as socket:
        await socket.send(subscribe("subscription { idle }"))
        await until(lambda: world.started == 1)
        server.should_exit = True
        assert await ended(socket) == (1012, "")
        await until(lambda: world.stopped == 1)


class HastyProtocol(SocketProtocol):
    release_after_s = 0.2


async def test_a_client_that_reads_nothing_is_dropped_with_all_it_held(world: World) -> None:
    app = counting_app(world, limits=SocketLimits(send_s=0.3, close_s=0.1))
    async with (
        serving(app, ws=HastyProtocol) as (url, server),
        dial(url, close_timeout=0) as socket,
    ):
        await socket.send(INIT)
        await heard(socket)
        socket.transport.pause_reading()
        await socket.send(subscribe("subscription { flood }"))
        await until(lambda: world.started == 1 and world.stopped == 1)
        await until(lambda: not server.server_state.connections)


async def test_only_our_own_protocol_is_spoken(world: World) -> None:
    async with serve(counting_app(world)) as url:
        for protocols in (["graphql-ws"], None):
            async with dial(url, subprotocols=protocols) as socket:
                assert await ended(socket) == (4406, "Subprotocol not acceptable")


@pytest.mark.parametrize(
    ("origin", "is_let_in"),
    [
        ("https://app.example", True),
        ("https://evil.example", False),
        ("null", False),
        ("own", True),
    ],
)
async def test_only_pages_of_allowed_origins_may_connect(
    origin: str, is_let_in: bool, world: World
) -> None:
    app = counting_app(world, allowed_origins=("https://app.example",))
    async with serve(app) as url:
        origin = url if origin == "own" else origin
        if is_let_in:
            async with dial(url, origin=origin) as socket:
                await socket.send(INIT)
                assert await heard(socket) == {"type": "connection_ack"}
        else:
            with pytest.raises(InvalidStatus) as refusal:
                async with dial(url, origin=origin):
                    pass
            assert refusal.value.response.status_code == 403
