"""From LiveKit's webhook to a dashboard's screen, over real sockets and with official clients."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import pytest
from gql import Client, gql
from gql.transport.websockets import WebsocketsTransport

import clock
from models import Session, User
from schema.types.ids import Kind, encode
from tests.conftest import Template
from tests.support import make
from tests.support.app import Served, headers, serving_app, token
from tests.support.livekit_events import PATH, Room, Stay
from tests.support.node import client as node_client
from tests.support.sockets import dial, ended, heard, subscribe
from tests.support.streams import PRESENCE, Dashboard
from tests.support.webhooks import encode as body_of
from tests.support.webhooks import sign

WATCH = """
subscription {{ sessionPresence(sessionId: "{id}") {{
  __typename version cursor
  ... on PresenceSnapshot {{ attendances {{ presence user {{ displayName }} }} }}
  ... on PresenceChanges {{ changes {{ presence user {{ displayName }} }} }}
}} }}
"""


@dataclass
class Class:
    """A session that is on, in a server that runs."""

    served: Served
    session: Session
    teacher: User
    student: User
    room: Room

    @property
    def id(self) -> str:
        return str(encode(Kind.SESSION, self.session.id))

    async def tells(self, event: dict[str, Any]) -> int:
        """Post this event as LiveKit; return the status of the answer."""
        body = body_of(event)
        signed = {
            "Authorization": sign(body, now=clock.now()),
            "Content-Type": "application/webhook+json",
        }
        async with httpx.AsyncClient() as livekit:
            answer = await livekit.post(f"{self.served.url}{PATH}", content=body, headers=signed)
        return answer.status_code

    async def joins(self) -> Stay:
        stay = Stay(self.student, clock.now())
        assert await self.tells(self.room.joined(stay)) == 200
        return stay

    async def leaves(self, stay: Stay) -> None:
        assert await self.tells(self.room.left(stay, clock.now())) == 200


@pytest.fixture
async def running(template: Template) -> AsyncIterator[Class]:
    async with serving_app(await template.fresh()) as served:
        now = clock.now()
        academy = await make.academy()
        teacher, student = await make.teacher(academy), await make.student(academy)
        session = await make.session(
            academy, teacher, student=student, at=now - timedelta(minutes=1), now=now
        )
        yield Class(served, session, teacher, student, Room(session, now))


async def test_graphql_ws_sees_a_student_come_and_go(running: Class) -> None:
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


async def test_gql_sees_a_student_come_and_go(running: Class) -> None:
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


async def test_a_dashboard_whose_connection_is_cut_misses_nothing(running: Class) -> None:
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


async def test_a_bad_token_closes_the_socket_so_that_clients_renew_it(running: Class) -> None:
    async with dial(running.served.url) as socket:
        await socket.send('{"type":"connection_init","payload":{"Authorization":"Bearer no"}}')
        assert await ended(socket) == (4403, "Forbidden")


async def test_without_a_token_a_subscription_is_refused(running: Class) -> None:
    async with dial(running.served.url) as socket:
        await socket.send('{"type":"connection_init"}')
        await heard(socket)
        await socket.send(subscribe(WATCH.format(id=running.id)))
        told = await heard(socket)
        assert told["type"] == "error"
        assert told["payload"][0]["extensions"]["code"] == "UNAUTHENTICATED"


async def test_the_systems_status_comes_at_once_and_by_itself(running: Class) -> None:
    query = "subscription { systemStatus { asOf isHealthy clock { isRunning lastBeatAt } } }"
    async with dial(running.served.url) as socket:
        await socket.send(_init(running.student))
        await heard(socket)
        await socket.send(subscribe(query))
        status = (await heard(socket))["payload"]["data"]["systemStatus"]
        assert status["clock"]["isRunning"]
        # Nothing answers at LiveKit's address here, and the log says so.
        assert not status["isHealthy"]


async def test_ready_says_whether_the_clock_runs(running: Class) -> None:
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
