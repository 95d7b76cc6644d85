"""Two API processes share one PostgreSQL: watchers at one see what the other receives."""

import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

import clock
from actions.clock.sweep import advance_due
from domain.access import UserRole
from models import Session, User
from schema.types.ids import Kind, encode
from tests.conftest import Database
from tests.support import make, redis
from tests.support.command import answering, configured, end_of, run
from tests.support.livekit_events import Room, Stay
from tests.support.patience import PATIENCE_S, see, until, within
from tests.support.processes import (
    Screen,
    ask,
    children_of,
    is_alive,
    post,
    serving,
    serving_at_one_port,
    watching,
)
from tests.support.streams import EVENTS, PRESENCE

postgres = pytest.mark.parametrize("template", ["postgres"], indirect=True)
sqlite = pytest.mark.parametrize("template", ["sqlite"], indirect=True)

MANY = 20
BUS = "{ systemStatus { messageBus { isReachable detail } } }"
END = """
mutation ($id: ID!) { changeSessionStatus(sessionId: $id, to: COMPLETED) { errors { code } } }
"""


@dataclass(frozen=True, slots=True)
class Class:
    session: Session
    teacher: User
    admin: User
    students: list[User]

    @property
    def id(self) -> str:
        return encode(Kind.SESSION, self.session.id)


async def start_session() -> Class:
    """A circle's session that has started."""
    now = clock.now()
    academy = await make.academy()
    teacher = await make.teacher(academy)
    students = [await make.student(academy) for _ in range(MANY + 2)]
    circle = await make.group(academy, teacher, *students)
    session = await make.session(academy, teacher, group=circle, at=now, now=now)
    await advance_due(now)
    admin = await make.user(academy, UserRole.SUPER_ADMIN)
    return Class(await Session.get(id=session.id), teacher, admin, students)


@dataclass(frozen=True, slots=True)
class Scene:
    """The first process receives the webhooks; the screen is at the second."""

    there: Class
    first: str
    second: str
    web: httpx.AsyncClient
    screen: Screen

    async def join(self, student: User) -> None:
        stay = Stay(student, clock.now())
        await post(self.web, self.first, Room(self.there.session, clock.now()).joined(stay))

    async def see(self, student: User) -> None:
        """Wait until the screen shows the student inside; they may come together with others."""
        inside: set[str] = set()
        while student.display_name not in inside:
            rows = (await self.screen.next())["changes"]
            inside = {row["user"]["displayName"] for row in rows if row["presence"] == "IN_MEETING"}

    async def bus(self) -> dict[str, Any]:
        status = await ask(self.second, BUS, self.there.admin)
        return dict(status["systemStatus"]["messageBus"])

    async def until_bus(self, *, is_reachable: bool) -> str:
        async def is_so() -> str | None:
            bus = see(await self.bus())
            return str(bus["detail"]) if bus["isReachable"] is is_reachable else None

        return str(await until(is_so))


@asynccontextmanager
async def scene(database: Database, redis_url: str) -> AsyncIterator[Scene]:
    there = await start_session()
    async with serving(database.url, redis_url) as (first, second), httpx.AsyncClient() as web:
        async with watching(second, there.teacher, PRESENCE, id=there.id) as screen:
            assert (await screen.next())["__typename"] == "PresenceSnapshot"
            yield Scene(there, first, second, web, screen)


@postgres
async def test_watchers_at_one_process_see_at_once_what_another_process_received(
    database: Database, redis_url: str
) -> None:
    async with scene(database, redis_url) as at:
        await at.until_bus(is_reachable=True)
        # The backstop would take a minute.
        async with within(15, "all who join are seen by the other process"):
            for student in at.there.students[:MANY]:
                await at.join(student)
                await at.see(student)
        async with watching(at.second, at.there.teacher, EVENTS, id=at.there.id) as screen:
            assert (await screen.next())["session"]["status"] == "ONGOING"
            answer = await ask(at.first, END, at.there.admin, id=at.there.id)
            assert answer["changeSessionStatus"]["errors"] == []
            while (event := await screen.next())["__typename"] != "StatusChanged":
                pass
            assert (event["from"], event["to"]) == ("ONGOING", "COMPLETED")


@postgres
async def test_without_redis_the_backstop_tells_them_and_with_it_again_the_hint(
    database: Database,
) -> None:
    with redis.private() as server:
        async with scene(database, server.url) as at:
            before, during, *after = at.there.students
            await at.until_bus(is_reachable=True)
            await at.join(before)
            await at.see(before)
            server.kill()
            assert (await at.until_bus(is_reachable=False)).startswith("redis does not answer")
            await at.join(during)
            await at.see(during)
            server.start()
            assert (await at.until_bus(is_reachable=True)).startswith("redis, since ")
            async with within(15, "all who join are seen by the other process"):
                for student in after[:MANY]:
                    await at.join(student)
                    await at.see(student)


@postgres
async def test_a_frozen_redis_holds_up_neither_the_webhook_nor_the_screen(
    database: Database,
) -> None:
    with redis.private() as server:
        async with scene(database, server.url) as at:
            one, other, *_ = at.there.students
            await at.until_bus(is_reachable=True)
            server.freeze()
            await at.join(one)
            await at.see(one)
            server.thaw()
            await at.until_bus(is_reachable=True)
            await at.join(other)
            await at.see(other)


@postgres
async def test_a_redis_that_comes_later_is_found(database: Database) -> None:
    with redis.private(is_started=False) as server:
        async with scene(database, server.url) as at:
            assert not (await at.bus())["isReachable"]
            await at.join(at.there.students[0])
            await at.see(at.there.students[0])
            server.start()
            await at.until_bus(is_reachable=True)


@postgres
async def test_several_workers_serve_one_port_and_one_that_is_killed_is_replaced(
    database: Database, redis_url: str
) -> None:
    async with serving_at_one_port(database.url, redis_url=redis_url) as (process, port):
        async with within(PATIENCE_S, "the killed worker is replaced and the server ends"):
            first = await children_of(process.pid, 2)
            first[0].kill()
            second = first
            while first[0] in second:
                second = await children_of(process.pid, 2)
            await is_alive(f"http://127.0.0.1:{port}")
            process.send_signal(signal.SIGTERM)
            await process.communicate()
        assert process.returncode == 0
        assert [child for child in second if child.is_there] == []


@postgres
async def test_workers_do_not_outlive_the_process_that_started_them(
    database: Database, redis_url: str
) -> None:
    async with serving_at_one_port(database.url, redis_url=redis_url) as (process, _):
        children = await children_of(process.pid, 2)
        process.kill()
        await until(lambda: not any(child.is_there for child in children))


@postgres
async def test_without_redis_each_of_several_workers_has_a_clock(database: Database) -> None:
    async with serving_at_one_port(database.url) as (process, port):
        async with answering(port) as web:
            assert (await web.get("/health/ready")).status_code == 200
        process.send_signal(signal.SIGINT)
        assert (await end_of(process)).code == 0


@sqlite
@pytest.mark.parametrize("command", [("serve",), ("clock",)])
async def test_sqlite_with_a_redis_stops_with_a_sentence(
    database: Database, command: tuple[str, ...]
) -> None:
    env = configured(database.url, redis_url="redis://127.0.0.1:1/0")
    ended = await run(*command, env=env)
    assert ended.code == 1
    assert ended.err.startswith("HALAQA_REDIS_URL is for several processes")
    assert "PostgreSQL in HALAQA_DATABASE_URL" in ended.err
    assert ended.err.count("\n") == 1


@sqlite
async def test_sqlite_with_several_workers_stops_with_a_sentence(database: Database) -> None:
    ended = await run("serve", "--workers", "2", env=configured(database.url))
    assert ended.code == 1
    assert ended.err.startswith("SQLite takes only one process at a time")
    assert ended.err.count("\n") == 1
