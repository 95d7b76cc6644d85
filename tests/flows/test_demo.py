"""`make run`: the demo in a process of its own, seen as its newcomer sees it."""

import asyncio
import json
import re
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

import clock
from actions import demo
from actions.crowd import Ending, visits
from cli.simulation import keep_going
from domain.access import UserRole
from domain.errors import ConflictError
from domain.status import SessionStatus, TransitionCause
from gateways.livekit_simulation import Guest, Sender, SimulatedRoom
from gateways.livekit_webhooks import translate, verify
from models import Academy, Session, SessionEvent, User, WebhookReceipt
from tests.conftest import Database, Template
from tests.support import make, recordings
from tests.support.app import serving_app
from tests.support.command import answering, environment, free_port, interrupt, run, started
from tests.support.server import serve
from tests.support.sockets import dial, heard, subscribe
from tests.support.webhooks import KEY, SECRET

WATCH = """subscription($session: ID!) { sessionPresence(sessionId: $session) {
  ... on PresenceSnapshot { attendances { user { displayName } presence } }
  ... on PresenceChanges { changes { user { displayName } presence } }
} }"""
ALL_BUT_TWO_SECONDS = timedelta(minutes=demo.LASTS_MINUTES, seconds=-2) - demo.RUNS_SINCE
RUNNING = "{ sessions(orderBy: SCHEDULED_AT_ASC) { nodes { id status } } viewer { role } }"


@dataclass
class Printed:
    """What the demo says; in it a token for each role."""

    text: str

    @property
    def tokens(self) -> dict[str, str]:
        return dict(re.findall(r"^([A-Z_]+)  \S+@\S+\n(eyJ\S+)$", self.text, re.MULTILINE))


@asynccontextmanager
async def running(port: int, **values: object) -> AsyncIterator[tuple[Process, Printed]]:
    """The demo, once it has printed all; what it prints later is read on."""
    env = environment(port=port, **values)
    async with started("demo", "--serve", env=env) as process, answering(port):
        assert process.stdout
        text = ""
        while "PARENT  " not in text or not text.endswith("\n\n"):
            text += (await asyncio.wait_for(process.stdout.readline(), 10)).decode()
        yield process, Printed(text)


async def ask(port: int, token: str) -> Any:
    async with httpx.AsyncClient() as web:
        answer = await web.post(
            f"http://127.0.0.1:{port}/graphql",
            json={"query": RUNNING},
            headers={"Authorization": f"Bearer {token}"},
        )
    return answer.json()["data"]


async def test_people_come_and_go_before_the_eyes_of_the_teacher(template: Template) -> None:
    port = free_port()
    url = await template.blank()
    async with running(port, database_url=url) as (process, printed):
        token = printed.tokens["TEACHER"]
        session = (await ask(port, token))["sessions"]["nodes"][0]
        assert session["status"] == "ONGOING"
        changes = await watched(port, token, session["id"])
        assert {"IN_MEETING", "LEFT"} <= {change["presence"] for change in changes}
        assert len({change["user"]["displayName"] for change in changes}) > 3
        assert await interrupt(process) == 0
    async with running(port, database_url=url) as (process, printed):
        for role, told in printed.tokens.items():
            seen = await ask(port, told)
            assert seen["viewer"]["role"] == role
            assert session["id"] in [row["id"] for row in seen["sessions"]["nodes"]]
        assert set(printed.tokens) == set(UserRole)
        assert await interrupt(process) == 0


async def watched(port: int, token: str, session_id: str) -> list[dict[str, Any]]:
    """What a subscription tells until somebody has come and somebody gone, for 10 s at most."""
    changes: list[dict[str, Any]] = []
    async with dial(f"http://127.0.0.1:{port}") as socket, asyncio.timeout(10):
        init = {"type": "connection_init", "payload": {"Authorization": f"Bearer {token}"}}
        await socket.send(json.dumps(init))
        assert (await heard(socket))["type"] == "connection_ack"
        await socket.send(subscribe(WATCH, variables={"session": session_id}))
        assert "attendances" in (await heard(socket))["payload"]["data"]["sessionPresence"]
        while not {"IN_MEETING", "LEFT"} <= {change["presence"] for change in changes}:
            told = (await heard(socket))["payload"]["data"]["sessionPresence"]
            changes += told["changes"]
    return changes


async def test_it_is_quiet_and_its_tabs_are_filled_in(tmp_path: Path) -> None:
    port = free_port()
    async with running(port, database_url=f"sqlite:///{tmp_path}/demo.db") as (process, printed):
        assert "\x1b" not in printed.text
        assert f"http://127.0.0.1:{port}/graphql" in printed.text
        if "tabs are filled in" in printed.text:
            examples = await tabs(port)
            assert examples[0]["title"] == "Watch presence"
            assert printed.tokens["TEACHER"] in examples[0]["headers"]
            for example in examples:
                assert '""' not in example.get("variables", "")
                assert 'Bearer "' not in example.get("headers", "")
        await asyncio.sleep(3)  # long enough for LiveKit, which is not there, to be missed
        process.terminate()
        _, err = await process.communicate()
        assert err.decode() == ""


async def tabs(port: int) -> list[dict[str, str]]:
    async with answering(port) as web:
        page = await web.get("/graphql", headers={"Accept": "text/html"})
    found = re.search(r'<script id="examples"[^>]*>(.*?)</script>', page.text)
    assert found
    examples: list[dict[str, str]] = json.loads(found[1])
    return examples


async def test_without_serve_it_only_makes_the_academy_and_prints_tokens(tmp_path: Path) -> None:
    env = environment(database_url=f"sqlite:///{tmp_path}/demo.db")
    for _ in range(2):
        ended = await run("demo", env=env)
        assert (ended.code, ended.err) == (0, "")
        assert set(Printed(ended.out).tokens) == set(UserRole)


async def test_it_keeps_off_a_database_that_has_academies(database: Database) -> None:
    await make.academy("itqan")
    ended = await run("demo", "--serve", env=environment(database_url=database.url))
    assert ended.code == 1
    assert ended.err.startswith("This database has academies of its own")
    with pytest.raises(ConflictError):
        await demo.found(clock.now())
    assert await Academy.all().count() == 1
    assert await User.all().count() == 0


async def test_there_is_always_a_class_that_runs_and_a_lesson_to_come(database: Database) -> None:
    now = make.ELEVEN
    academy = await demo.found(now)
    first = await demo.class_now(academy, now)
    assert first.status is SessionStatus.ONGOING
    assert first.scheduled_at == now - demo.RUNS_SINCE
    lesson = await demo.lesson_to_come(academy, now)
    assert lesson.status is SessionStatus.SCHEDULED
    again = await demo.found(now)
    assert (await demo.class_now(again, now)).id == first.id
    assert (await demo.lesson_to_come(again, now)).id == lesson.id
    assert await demo.is_open(first, now)
    assert not await demo.is_open(first, first.ends_at)
    following = await demo.class_now(academy, first.ends_at)
    assert following.id != first.id
    assert (await demo.lesson_to_come(academy, lesson.scheduled_at)).id != lesson.id


async def test_a_class_that_was_ended_by_hand_is_followed_by_another(database: Database) -> None:
    academy = await demo.found(make.ELEVEN)
    first = await demo.class_now(academy, make.ELEVEN)
    await Session.filter(id=first.id).update(status=SessionStatus.COMPLETED)
    assert not await demo.is_open(first, make.ELEVEN)
    assert (await demo.class_now(academy, make.ELEVEN)).id != first.id


async def test_when_a_class_is_over_the_next_begins_by_itself(template: Template) -> None:
    url = await template.fresh()
    told: asyncio.Queue[Session] = asyncio.Queue()
    async with serving_app(url) as app, sending(f"{app.url}/webhooks/livekit") as sender:
        academy = await demo.found(clock.now())
        first = await demo.class_now(academy, clock.now() - ALL_BUT_TWO_SECONDS)
        going = asyncio.create_task(keep_going(academy, sender, told.put_nowait))
        assert (await asyncio.wait_for(told.get(), 5)).id == first.id
        following = await asyncio.wait_for(told.get(), 15)
        assert (following.id != first.id, following.status) == (True, SessionStatus.ONGOING)
        row = await Session.get(id=first.id)
        assert row.status is SessionStatus.COMPLETED
        events = await SessionEvent.filter(session_id=first.id)
        assert TransitionCause.ROOM_FINISHED in [event.payload.get("cause") for event in events]
        assert await WebhookReceipt.all().count() == 0  # none was poison
        going.cancel()
        await asyncio.gather(going, return_exceptions=True)


@asynccontextmanager
async def sending(url: str) -> AsyncIterator[Sender]:
    sender = Sender(url, KEY, SECRET)
    try:
        yield sender
    finally:
        await sender.aclose()


@dataclass
class Door:
    """Takes webhooks as they come, and answers the first so many with 503."""

    refuses: int = 0
    taken: list[tuple[bytes, str]] = field(default_factory=list)  # body, Authorization

    async def receive(self, request: Request) -> Response:
        assert request.headers["content-type"] == "application/webhook+json"
        self.taken.append((await request.body(), request.headers["authorization"]))
        return Response(status_code=503 if len(self.taken) <= self.refuses else 200)

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/hook", self.receive, methods=["POST"])])


async def test_a_simulated_room_tells_what_a_real_one_tells() -> None:
    door = Door()
    async with serve(door.app()) as url, sending(f"{url}/hook") as sender:
        room = SimulatedRoom("noor-academy-quran-session-1", sender, clock.now)
        await room.open()
        stay = await room.join(Guest("8_Umar", "Umar", "{}"))
        await room.leave(stay, "CLIENT_INITIATED")
        await room.join(Guest("9_Layla", "Layla", "{}"))
        await room.close()
    bodies = [json.loads(body) for body, _ in door.taken]
    names = [body["event"].removeprefix("participant_") for body in bodies]
    assert names == ["room_started", "joined", "left", "joined", "left", "room_finished"]
    for body, authorization in door.taken:
        verify(body, authorization, {KEY: SECRET}, clock.now())
        assert translate(body).room_name == "noor-academy-quran-session-1"
    for body in bodies:
        assert shape(body) in real_shapes(body["event"])


def shape(body: dict[str, Any]) -> frozenset[str]:
    """Which fields it has, those inside too; not those that hang on how the room was used."""
    inner = {f"{part}.{name}" for part in ("room", "participant") for name in body.get(part, {})}
    return frozenset(body) | inner - {"room.metadata", "room.numParticipants"}


def real_shapes(event: str) -> set[frozenset[str]]:
    sent = recordings.deliveries("class")
    return {shape(delivery.body) for delivery in sent if delivery.body["event"] == event}


async def test_a_webhook_that_was_not_stored_is_sent_again_as_it_was() -> None:
    door = Door(refuses=1)
    async with serve(door.app()) as url, sending(f"{url}/hook") as sender:
        await SimulatedRoom("a-room", sender, clock.now).open()
    first, second = door.taken
    assert first == second


def test_everybody_comes_soon_and_all_endings_happen() -> None:
    for place in range(7):
        plan = visits(Random(place), place)
        first = next(plan)
        assert first.after_s < 10
        assert {visit.ending for visit, _ in zip(plan, range(100), strict=False)} == set(Ending)
