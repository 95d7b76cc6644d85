"""From LiveKit's webhook to a dashboard's screen, over real sockets and with official clients."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from gql import Client, gql
from gql.transport.websockets import WebsocketsTransport

from models import User
from tests.conftest import Template
from tests.support.app import headers, token
from tests.support.live_class import LiveClass, live_class
from tests.support.node import client as node_client
from tests.support.sockets import dial, ended, heard, subscribe
from tests.support.streams import PRESENCE, Dashboard

WATCH = """
subscription {{ sessionPresence(sessionId: "{id}") {{
  __typename version cursor
  ... on PresenceSnapshot {{ attendances {{ presence user {{ displayName }} }} }}
  ... on PresenceChanges {{ changes {{ presence user {{ displayName }} }} }}
}} }}
"""


@pytest.fixture
async def running(template: Template) -> AsyncIterator[LiveClass]:
    async with live_class(template) as live:
        yield live


async def test_graphql_ws_sees_a_student_come_and_go(running: LiveClass) -> None:
    url = running.served.url.replace("http", "ws") + "/graphql"
    query = WATCH.format(id=running.id)
    async with node_client("follow.mjs", url, token(running.teacher), query) as follower:

        async def event() -> Any:
            while "next" not in (line := await follower.hears()):
                assert "error" not in line, line
            return line["next"]["data"]["sessionPresence"]

        first = await event()
        assert first["__typename"] == "PresenceSnapshot"
        assert [row["presence"] for row in first["attendances"]] == ["NOT_JOINED"] * 2
        stay = await running.joins()
        name = {"displayName": running.student.display_name}
        assert (await event())["changes"] == [{"presence": "IN_MEETING", "user": name}]
        await running.leaves(stay)
        assert (await event())["changes"] == [{"presence": "LEFT", "user": name}]


async def test_gql_sees_a_student_come_and_go(running: LiveClass) -> None:
    transport = WebsocketsTransport(
        url=running.served.url.replace("http", "ws") + "/graphql",
        subprotocols=[WebsocketsTransport.GRAPHQLWS_SUBPROTOCOL],
        init_payload=headers(running.teacher),
    )
    async with Client(transport=transport) as client:
        events = client.subscribe(gql(WATCH.format(id=running.id)))
        first = (await anext(events))["sessionPresence"]
        assert first["__typename"] == "PresenceSnapshot"
        await running.joins()
        joined = (await anext(events))["sessionPresence"]
        assert [row["presence"] for row in joined["changes"]] == ["IN_MEETING"]
        await events.aclose()


async def test_a_dashboard_whose_connection_is_cut_misses_nothing(running: LiveClass) -> None:
    dashboard = Dashboard()

    async def follow(events: int) -> None:
        variables = {"id": running.id, "after": dashboard.cursor}
        async with dial(running.served.url) as socket:
            await socket.send(_init(running.teacher))
            assert (await heard(socket))["type"] == "connection_ack"
            await socket.send(subscribe(PRESENCE, variables=variables))
            for _ in range(events):
                assert dashboard.take((await heard(socket))["payload"]["data"]["sessionPresence"])
            socket.transport.abort()

    await follow(1)
    stay = await running.joins()
    await follow(1)
    await running.leaves(stay)
    await running.joins()
    await follow(1)
    assert dashboard.gaps == 0
    seen = sorted(row["presence"] for row in dashboard.roster.values())
    assert seen == ["IN_MEETING", "NOT_JOINED"]


async def test_a_bad_token_closes_the_socket_so_that_clients_renew_it(running: LiveClass) -> None:
    async with dial(running.served.url) as socket:
        await socket.send('{"type":"connection_init","payload":{"Authorization":"Bearer no"}}')
        assert await ended(socket) == (4403, "Forbidden")


async def test_without_a_token_a_subscription_is_refused(running: LiveClass) -> None:
    async with dial(running.served.url) as socket:
        await socket.send('{"type":"connection_init"}')
        await heard(socket)
        await socket.send(subscribe(WATCH.format(id=running.id)))
        told = await heard(socket)
        assert told["type"] == "error"
        assert told["payload"][0]["extensions"]["code"] == "UNAUTHENTICATED"


async def test_the_systems_status_comes_at_once_and_by_itself(running: LiveClass) -> None:
    query = "subscription { systemStatus { asOf isHealthy clock { isRunning lastBeatAt } } }"
    async with dial(running.served.url) as socket:
        await socket.send(_init(running.student))
        await heard(socket)
        await socket.send(subscribe(query))
        status = (await heard(socket))["payload"]["data"]["systemStatus"]
        assert status["clock"]["isRunning"]
        # Nothing answers at LiveKit's address here, and the log says so.
        assert not status["isHealthy"]


async def test_ready_says_whether_the_clock_runs(running: LiveClass) -> None:
    async with httpx.AsyncClient(base_url=running.served.url) as client:
        assert (await client.get("/health/live")).status_code == 200
        ready = await client.get("/health/ready")
        for _ in range(50):
            if ready.status_code == 200:
                break
            await asyncio.sleep(0.05)
            ready = await client.get("/health/ready")
        assert ready.status_code == 200


def _init(user: User) -> str:
    return json.dumps({"type": "connection_init", "payload": headers(user)})
