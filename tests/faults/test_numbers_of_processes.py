"""Prometheus reads processes without HTTP, and several processes behind one port."""

import json
import signal
import socket
import struct
from datetime import timedelta

import httpx
import pytest

import clock
from models import Session, User
from tests.conftest import Database
from tests.support import make
from tests.support.command import configured, end_of, free_port, interrupt, run, started
from tests.support.exposition import Numbers, read, value
from tests.support.patience import see, until
from tests.support.processes import serving_at_one_port

postgres = pytest.mark.parametrize("template", ["postgres"], indirect=True)
sqlite = pytest.mark.parametrize("template", ["sqlite"], indirect=True)


async def make_session() -> tuple[Session, User]:
    """A session that is ready, and starts, in a moment."""
    academy = await make.academy(ready_minutes_before=0)
    teacher, student = await make.teacher(academy), await make.student(academy)
    now = clock.now()
    at = now + timedelta(seconds=1)
    return await make.session(academy, teacher, student=student, at=at, now=now), teacher


async def scrape(port: int) -> Numbers:
    """Connect anew each time, so that any process behind the port may answer."""
    async with httpx.AsyncClient() as web:
        answer = await web.get(f"http://127.0.0.1:{port}/metrics")
    assert answer.status_code == 200
    return read(answer.text)


async def shows_what_it_does(port: int) -> bool:
    try:
        numbers = await scrape(port)
    except httpx.TransportError as failure:
        see(failure)
        return False
    moved = see(value(numbers, "transitions_total", to="READY"))
    put_off = see(value(numbers, "work_total", kind="MAKE_ROOM", outcome="PUT_OFF"))
    return moved == 1 and put_off >= 1


async def test_a_clock_alone_shows_its_numbers_at_a_port_of_its_own(database: Database) -> None:
    await make_session()
    port = free_port()
    env = configured(database.url, metrics_port=port)
    async with started("clock", env=env) as process:
        await until(lambda: shows_what_it_does(port))
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.2", port))
        hang_up_on(port)
        assert await shows_what_it_does(port)
        process.send_signal(signal.SIGINT)
        told = await end_of(process, "the clock")
        assert told.code == 0
    lines = [json.loads(line) for line in told.err.splitlines()]
    assert "numbers not told" in {line["message"] for line in lines}
    with pytest.raises(httpx.TransportError):
        await scrape(port)


def hang_up_on(port: int) -> None:
    """Ask, and be gone with a reset before there is an answer."""
    with socket.create_connection(("127.0.0.1", port)) as asking:
        asking.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        asking.sendall(b"GET /metrics HTTP/1.1\r\n")


@postgres
async def test_a_worker_shows_its_numbers_at_a_port_of_its_own(
    database: Database, redis_url: str
) -> None:
    await make_session()
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
async def test_behind_one_port_of_several_processes_there_are_no_counters(
    database: Database, redis_url: str
) -> None:
    async with serving_at_one_port(database.url, redis_url=redis_url) as (process, port):
        numbers = await scrape(port)
        assert ("halaqa_healthy", frozenset()) in numbers
        assert not [name for name, _ in numbers if name.endswith(("_total", "_watched_sessions"))]
        assert await interrupt(process) == 0
