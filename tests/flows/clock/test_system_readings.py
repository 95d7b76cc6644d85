"""The system's state is read once for all readers: query, stream, probe and Prometheus."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from actions.clock.heartbeat import beat
from actions.clock.system_status import Readings
from domain.access import UserRole
from models.database import sql
from tests.conftest import Database, Template
from tests.support import make
from tests.support.app import serving_app
from tests.support.livekit_stub import LiveKitStub
from tests.support.patience import until
from tests.support.ticking import reaching

NOW = make.ELEVEN
MANY = "{" + " ".join(f"a{n}: systemStatus {{ isHealthy }}" for n in range(1_000)) + "}"


@pytest.fixture
async def readings(database: Database, stub: LiveKitStub) -> AsyncIterator[Readings]:
    async with reaching(stub.url) as livekit:
        readings = Readings(livekit, lambda: NOW)
        yield readings
        await readings.close()


async def test_readers_at_the_same_time_share_one_reading(
    readings: Readings, stub: LiveKitStub
) -> None:
    told = await asyncio.gather(*(readings.state() for _ in range(100)))
    assert all(state is told[0] for state in told)
    assert stub.calls == ["ListRooms"]


async def test_a_reading_is_kept_for_a_second(database: Database, stub: LiveKitStub) -> None:
    async with reaching(stub.url) as livekit:
        long, usual = Readings(livekit, lambda: NOW, kept_s=60), Readings(livekit, lambda: NOW)
        first = await usual.state(), await long.state()
        await asyncio.sleep(1.1)
        assert await long.state() is first[1]
        assert await usual.state() is not first[0]
    assert stub.calls == ["ListRooms"] * 3


async def test_a_cancelled_reader_does_not_cancel_the_reading_of_others(
    readings: Readings, stub: LiveKitStub
) -> None:
    stub.slow_s = 0.2
    gone, stays = (asyncio.create_task(readings.state()) for _ in range(2))
    await asyncio.sleep(0.1)
    gone.cancel()
    assert (await stays).livekit.is_reachable
    assert stub.calls == ["ListRooms"]


async def test_a_process_that_ends_leaves_no_reading_behind(
    readings: Readings, stub: LiveKitStub
) -> None:
    stub.slow_s = 30
    asking = asyncio.create_task(readings.state())
    await until(lambda: stub.calls)
    await readings.close()
    with pytest.raises(asyncio.CancelledError):
        await asking


async def test_nobody_waits_for_long(
    readings: Readings, stub: LiveKitStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub.slow_s = 0.5
    with monkeypatch.context() as patched:
        patched.setattr("actions.clock.system_status.PATIENCE_S", 0.1)
        with pytest.raises(TimeoutError):
            await readings.state()
    assert (await readings.state()).livekit.is_reachable  # the reading that was not waited for
    assert stub.calls == ["ListRooms"]


async def test_a_reading_that_fails_fails_for_all_and_the_next_does_not(
    readings: Readings,
) -> None:
    await sql.execute("ALTER TABLE clock_heartbeats RENAME TO elsewhere")
    for read in (readings.state, readings.clock):
        told = await asyncio.gather(*(read() for _ in range(9)), return_exceptions=True)
        assert isinstance(told[0], Exception)
        assert all(error is told[0] for error in told)
    await sql.execute("ALTER TABLE elsewhere RENAME TO clock_heartbeats")
    await asyncio.sleep(1.1)
    assert not (await readings.state()).clock.is_running


async def test_the_clock_alone_is_read_without_livekit(
    readings: Readings, stub: LiveKitStub
) -> None:
    await beat("here:1", NOW)
    told = await asyncio.gather(*(readings.clock() for _ in range(9)))
    assert told[0].is_running
    assert all(status is told[0] for status in told)
    assert stub.calls == []


async def test_all_doors_together_ask_livekit_once_a_second(
    template: Template, stub: LiveKitStub
) -> None:
    async with serving_app(await template.fresh(), livekit_api_url=stub.url) as served:
        student = await make.user(await make.academy(), UserRole.STUDENT)
        before, started_at = stub.calls.count("ListRooms"), asyncio.get_running_loop().time()
        answer, *_ = await asyncio.gather(
            served.ask(MANY, student),
            *(look(served.url + path) for path in ("/metrics", "/health/ready") * 10),
        )
        seconds = asyncio.get_running_loop().time() - started_at
        assert len(answer["data"]) == 1_000
        # The clock looks at the rooms meanwhile, every 5 seconds.
        assert stub.calls.count("ListRooms") - before <= 2 + 2 * seconds


async def look(url: str) -> None:
    async with httpx.AsyncClient() as web:
        assert (await web.get(url)).status_code == 200
