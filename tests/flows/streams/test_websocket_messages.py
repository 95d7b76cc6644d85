"""The socket's answer to each message, above all to malformed ones."""

from typing import Any

import pytest

from tests.support.counting import World, counting_app
from tests.support.server import serve
from tests.support.sockets import INIT, dial, ended, heard, signed_in, subscribe

OPEN = "open"


@pytest.fixture
def world() -> World:
    return World()


BAD_SUBSCRIBE = (4400, "Subscribe needs a payload with a query")
BAD_ID = (4400, "'id' must be a non-empty string")


def the(*messages: dict[str, Any]) -> list[dict[str, Any]]:
    return list(messages)


FUZZ: dict[str, tuple[list[str | bytes], list[dict[str, Any]], object]] = {
    "json list": (["[]"], [], (4400, "Message must be an object")),
    "json number": (["1"], [], (4400, "Message must be an object")),
    "json null": (["null"], [], (4400, "Message must be an object")),
    "not json": (["{"], [], (4400, "Message is not JSON")),
    "binary frame": ([b"{}"], [], (4400, "Messages must be text frames")),
    "unknown type": (['{"type":"x"}'], [], (4400, "Unknown message type")),
    "no type": (["{}"], [], (4400, "Unknown message type")),
    "query a number": ([subscribe(1)], [], BAD_SUBSCRIBE),
    "variables a list": (
        [subscribe("{ hello }", variables=[])],
        [],
        (4400, "'variables' must be an object"),
    ),
    "variables a string": (
        [subscribe("{ hello }", variables="a")],
        [],
        (4400, "'variables' must be an object"),
    ),
    "payload null": (['{"id":"1","type":"subscribe","payload":null}'], [], BAD_SUBSCRIBE),
    "id a number": (['{"id":1,"type":"subscribe","payload":{"query":"{ hello }"}}'], [], BAD_ID),
    "id a list": (['{"id":[],"type":"subscribe","payload":{"query":"{ hello }"}}'], [], BAD_ID),
    "duplicate id": (
        [subscribe("subscription { idle }")] * 2,
        [],
        (4409, "Subscriber for 1 already exists"),
    ),
    "a very long duplicate id": (
        [subscribe("subscription { idle }", "é" * 200)] * 2,
        [],
        (4409, "Subscriber for " + "é" * 54),
    ),
    "a second init": ([INIT], [], (4429, "Too many initialisation requests")),
    "ping": (
        ['{"type":"ping","payload":{"a":1}}', '{"type":"ping"}', '{"type":"pong"}'],
        the({"type": "pong", "payload": {"a": 1}}, {"type": "pong"}),
        OPEN,
    ),
    "complete of an unknown id": (['{"type":"complete","id":"zz"}'], [], OPEN),
}


@pytest.mark.parametrize("name", FUZZ)
async def test_a_malformed_message_closes_with_its_code_and_nothing_is_logged(
    name: str, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    sent, answers, end = FUZZ[name]
    async with serve(counting_app(world)) as url, signed_in(url) as socket:
        for message in sent:
            await socket.send(message)
        assert [await heard(socket) for _ in answers] == answers
        if end == OPEN:
            await socket.send(subscribe("{ hello }"))
            assert (await heard(socket))["payload"] == {"data": {"hello": "hello world"}}
        else:
            assert await ended(socket) == end
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == []


UNINVITED: dict[str, tuple[str, object]] = {
    "subscribe before init": (subscribe("{ hello }"), (4401, "Unauthorized")),
    "init with a list": (
        '{"type":"connection_init","payload":[]}',
        (4400, "'payload' must be an object"),
    ),
    "init with null": ('{"type":"connection_init","payload":null}', OPEN),
    "init with a bad token": (
        '{"type":"connection_init","payload":{"Authorization":"Bearer bad"}}',
        (4403, "Forbidden"),
    ),
}


@pytest.mark.parametrize("name", UNINVITED)
async def test_a_first_message_is_held_to_the_protocol(name: str, world: World) -> None:
    sent, end = UNINVITED[name]
    async with serve(counting_app(world)) as url, dial(url) as socket:
        await socket.send(sent)
        if end == OPEN:
            assert await heard(socket) == {"type": "connection_ack"}
        else:
            assert await ended(socket) == end


REFUSED_REQUESTS = {
    "empty query": (subscribe(""), "GRAPHQL_VALIDATION_FAILED"),
    "syntax error": (subscribe("{ hel"), "GRAPHQL_PARSE_FAILED"),
    "unknown field": (subscribe("{ nope }"), "GRAPHQL_VALIDATION_FAILED"),
    "unknown operation": (
        subscribe("query A { hello }", operationName="B"),
        "GRAPHQL_VALIDATION_FAILED",
    ),
    "two operations, none named": (
        subscribe("query A { hello } query B { hello }"),
        "GRAPHQL_VALIDATION_FAILED",
    ),
    "variable of a wrong kind": (
        subscribe("query($n: Int!) { hello(name: $n) }", variables={"n": "x"}),
        "GRAPHQL_VALIDATION_FAILED",
    ),
    "variable a scalar refuses": (
        subscribe("query($t: DateTime!) { at(time: $t) }", variables={"t": "yesterday"}),
        "BAD_USER_INPUT",
    ),
    "subscription that finds nothing": (
        subscribe("subscription { withdrawn(after: 0) }"),
        "NOT_FOUND",
    ),
    "subscription that fails at once": (
        subscribe("subscription { breaks(after: 0) }"),
        "INTERNAL",
    ),
}


@pytest.mark.parametrize("name", REFUSED_REQUESTS)
async def test_a_refused_request_is_an_error_message_and_its_siblings_live_on(
    name: str, world: World
) -> None:
    message, code = REFUSED_REQUESTS[name]
    async with serve(counting_app(world)) as url, signed_in(url) as socket:
        await socket.send(subscribe("subscription { idle }", "sibling"))
        for _ in range(2):  # the second time comes from the cache
            await socket.send(message)
            answer = await heard(socket)
            assert (answer["id"], answer["type"]) == ("1", "error")
            assert [error["extensions"]["code"] for error in answer["payload"]] == [code]
        await socket.send(subscribe("{ hello }"))
        assert (await heard(socket))["type"] == "next"
        assert (world.started, world.stopped) == (1, 0)
