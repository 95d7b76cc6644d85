"""`make run`: the demo in a process of its own, as a newcomer sees it."""

import asyncio
import json
import re
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

import clock
from demo import academy as demo
from demo.simulation import simulate_sessions
from domain.access import UserRole
from domain.errors import ConflictError
from domain.status import SessionStatus, TransitionCause
from models import Academy, Session, SessionEvent, User, WebhookReceipt
from tests.conftest import Database, Template
from tests.support import make
from tests.support.app import serving_app
from tests.support.command import answering, end_of, environment, free_port, interrupt, run, started
from tests.support.patience import PATIENCE_S, within
from tests.support.simulation import sending
from tests.support.sockets import dial, heard, subscribe

WATCH = """subscription($session: ID!) { sessionPresence(sessionId: $session) {
  ... on PresenceSnapshot { attendances { user { displayName } presence } }
  ... on PresenceChanges { changes { user { displayName } presence } }
} }"""
ALL_BUT_TWO_SECONDS = timedelta(minutes=demo.LASTS_MINUTES, seconds=-2) - demo.RUNS_SINCE
LIVEKIT = "{ systemStatus { livekit { isReachable } } }"
RUNNING = "{ sessions(orderBy: SCHEDULED_AT_ASC) { nodes { id status } } viewer { role } }"


@dataclass
class Printed:
    """The text that the demo prints; in it a token for each role."""

    text: str

    @property
    def tokens(self) -> dict[str, str]:
        return dict(re.findall(r"^([A-Z_]+)  \S+@\S+\n(eyJ\S+)$", self.text, re.MULTILINE))


@asynccontextmanager
async def running(port: int, **values: object) -> AsyncIterator[tuple[Process, Printed]]:
    """The demo, once it has printed everything."""
    env = environment(port=port, **values)
    async with started("demo", "--serve", env=env) as process, answering(port):
        assert process.stdout
        text = ""
        while "PARENT  " not in text or not text.endswith("\n\n"):
            async with within(PATIENCE_S, f"the demo's places, after {text!r}"):
                line = await process.stdout.readline()
            assert line, "the demo has ended"
            text += line.decode()
        yield process, Printed(text)


async def ask(port: int, token: str, query: str = RUNNING) -> Any:
    async with httpx.AsyncClient() as web:
        answer = await web.post(
            f"http://127.0.0.1:{port}/graphql",
            json={"query": query},
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
    """The changes that a subscription sends until somebody has joined and somebody left."""
    changes: list[dict[str, Any]] = []
    async with (
        dial(f"http://127.0.0.1:{port}") as socket,
        within(PATIENCE_S, "people who come and go"),
    ):
        init = {"type": "connection_init", "payload": {"Authorization": f"Bearer {token}"}}
        await socket.send(json.dumps(init))
        assert (await heard(socket))["type"] == "connection_ack"
        await socket.send(subscribe(WATCH, variables={"session": session_id}))
        assert "attendances" in (await heard(socket))["payload"]["data"]["sessionPresence"]
        while not {"IN_MEETING", "LEFT"} <= {change["presence"] for change in changes}:
            told = (await heard(socket))["payload"]["data"]["sessionPresence"]
            changes += told["changes"]
    return changes


async def test_the_demo_prints_no_escapes_and_its_tabs_are_filled_in(tmp_path: Path) -> None:
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
        missed = await ask(port, printed.tokens["SUPER_ADMIN"], LIVEKIT)
        assert missed == {"systemStatus": {"livekit": {"isReachable": False}}}
        process.terminate()
        assert (await end_of(process, "the demo")).err == ""


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


async def test_the_demo_stays_on_its_own_machine_with_secrets_that_are_published(
    tmp_path: Path,
) -> None:
    public = {"public_url": "https://halaqa.example.org"}
    env = environment(database_url=f"sqlite:///{tmp_path}/demo.db", **public)
    for command in (("demo",), ("demo", "--serve")):
        ended = await run(*command, env=env)
        assert (ended.code, ended.out) == (1, "")
        assert ended.err.startswith("HALAQA_JWT_SECRET is the demo's, which is published: give ")
    assert not (tmp_path / "demo.db").exists()


async def test_the_demo_refuses_a_database_that_has_academies(database: Database) -> None:
    await make.academy("itqan")
    ended = await run("demo", "--serve", env=environment(database_url=database.url))
    assert ended.code == 1
    assert ended.err.startswith("This database has academies of its own")
    with pytest.raises(ConflictError):
        await demo.prepare_academy(clock.now())
    assert await Academy.all().count() == 1
    assert await User.all().count() == 0


async def test_there_is_always_a_class_that_runs_and_a_session_to_come(database: Database) -> None:
    now = make.ELEVEN
    academy = await demo.prepare_academy(now)
    first = await demo.running_session(academy, now)
    assert first.status is SessionStatus.ONGOING
    assert first.scheduled_at == now - demo.RUNS_SINCE
    classroom = await demo.coming_session(academy, now)
    assert classroom.status is SessionStatus.SCHEDULED
    again = await demo.prepare_academy(now)
    assert (await demo.running_session(again, now)).id == first.id
    assert (await demo.coming_session(again, now)).id == classroom.id
    assert await demo.is_open(first, now)
    assert not await demo.is_open(first, first.ends_at)
    following = await demo.running_session(academy, first.ends_at)
    assert following.id != first.id
    assert (await demo.coming_session(academy, classroom.scheduled_at)).id != classroom.id


async def test_a_class_that_was_ended_by_hand_is_followed_by_another(database: Database) -> None:
    academy = await demo.prepare_academy(make.ELEVEN)
    first = await demo.running_session(academy, make.ELEVEN)
    await Session.filter(id=first.id).update(status=SessionStatus.COMPLETED)
    assert not await demo.is_open(first, make.ELEVEN)
    assert (await demo.running_session(academy, make.ELEVEN)).id != first.id


@pytest.mark.parametrize("template", ["sqlite"], indirect=True)
async def test_when_a_class_is_over_the_next_starts_by_itself(template: Template) -> None:
    url = await template.fresh()
    told: asyncio.Queue[Session] = asyncio.Queue()
    async with serving_app(url) as app, sending(f"{app.url}/webhooks/livekit") as sender:
        academy = await demo.prepare_academy(clock.now())
        first = await demo.running_session(academy, clock.now() - ALL_BUT_TWO_SECONDS)
        going = asyncio.create_task(simulate_sessions(academy, sender, told.put_nowait))
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
