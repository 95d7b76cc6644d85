"""What Prometheus reads of processes without HTTP, and of several behind one port."""

import socket
from contextlib import AbstractAsyncContextManager
from datetime import timedelta

import httpx
import pytest

import clock
from models import Session, User
from schema.types.ids import Kind, encode
from tests.conftest import Database
from tests.support import make
from tests.support.command import configured, free_port, interrupt, run, started
from tests.support.exposition import Numbers, read, value
from tests.support.livekit_events import PATH
from tests.support.processes import Screen, children_of, is_alive, watching
from tests.support.streams import PRESENCE
from tests.support.ticking import until

postgres = pytest.mark.parametrize("template", ["postgres"], indirect=True)
sqlite = pytest.mark.parametrize("template", ["sqlite"], indirect=True)

REJECTED = 20
ASKED = 10  # often enough that each of two processes is asked


async def lesson() -> tuple[Session, User]:
    """One that is ready, and begins, in a moment."""
    academy = await make.academy(ready_minutes_before=0)
    teacher, student = await make.teacher(academy), await make.student(academy)
    now = clock.now()
    at = now + timedelta(seconds=1)
    return await make.session(academy, teacher, student=student, at=at, now=now), teacher


async def scrape(port: int) -> Numbers:
    """Asked anew each time, so that any process behind the port may answer."""
    async with httpx.AsyncClient() as web:
        answer = await web.get(f"http://127.0.0.1:{port}/metrics")
    assert answer.status_code == 200
    return read(answer.text)


async def shows_what_it_does(port: int) -> bool:
    try:
        numbers = await scrape(port)
    except httpx.TransportError:
        return False
    has_moved = value(numbers, "transitions_total", to="READY") == 1
    return has_moved and value(numbers, "work_total", kind="MAKE_ROOM", outcome="PUT_OFF") >= 1


async def test_a_clock_alone_shows_its_numbers_at_a_port_of_its_own(database: Database) -> None:
    await lesson()
    port = free_port()
    env = configured(database.url, metrics_port=port)
    async with started("clock", env=env) as process:
        await until(lambda: shows_what_it_does(port))
        assert await interrupt(process) == 0
    with pytest.raises(httpx.TransportError):
        await scrape(port)


@postgres
async def test_a_worker_shows_its_numbers_at_a_port_of_its_own(
    database: Database, redis_url: str
) -> None:
    await lesson()
    port = free_port()
    env = configured(database.url, redis_url=redis_url)
    async with started("worker", "--metrics-port", str(port), env=env) as process:
        await until(lambda: shows_what_it_does(port))
        assert await interrupt(process) == 0


@sqlite
async def test_a_port_for_numbers_that_is_taken_is_told(database: Database) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = await run("clock", "--metrics-port", str(port), env=configured(database.url))
    assert ended.code == 1
    assert ended.err == f"Port {port} is taken: give another in HALAQA_METRICS_PORT.\n"


@postgres
async def test_several_processes_behind_one_port_count_together(
    database: Database, redis_url: str
) -> None:
    port = free_port()
    env = configured(database.url, redis_url=redis_url)

    async def told(name: str, **labels: str) -> set[float]:
        return {value(await scrape(port), name, **labels) for _ in range(ASKED)}

    async with started("serve", "--port", str(port), "--workers", "2", env=env) as process:
        await is_alive(f"http://127.0.0.1:{port}")
        first = await children_of(process.pid, 2)
        await reject(port)
        assert await told("webhooks_total", outcome="REJECTED") == {REJECTED}
        async with await presence(port) as screen:
            await screen.next()
            assert await told("watched_sessions") == await told("subscriptions_running") == {1}
            for child in first:
                child.kill()

        async def are_replaced() -> bool:
            return not set(first) & set(await children_of(process.pid, 2))

        await until(are_replaced)
        await is_alive(f"http://127.0.0.1:{port}")
        assert await told("webhooks_total", outcome="REJECTED") == {REJECTED}
        assert await told("watched_sessions") == await told("subscriptions_running") == {0}
        await interrupt(process)


async def reject(port: int) -> None:
    for _ in range(REJECTED):
        async with httpx.AsyncClient() as web:
            answer = await web.post(f"http://127.0.0.1:{port}{PATH}", content=b"{}")
        assert answer.status_code == 401


async def presence(port: int) -> AbstractAsyncContextManager[Screen]:
    session, teacher = await lesson()
    url = f"http://127.0.0.1:{port}"
    return watching(url, teacher, PRESENCE, id=encode(Kind.SESSION, session.id))
