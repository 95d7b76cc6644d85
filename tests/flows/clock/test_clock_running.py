"""A running clock: in time to the second, patient with what is locked, silent or gone; and seen."""

import asyncio
from contextlib import AsyncExitStack
from datetime import timedelta

import asyncpg
import pytest

import clock
from actions.clock.heartbeat import beat, forget_stopped
from actions.clock.sweep import advance_due
from domain.status import SessionStatus
from gateways.livekit import LiveKit
from models import ClockHeartbeat, DueWork
from models.database import sql
from models.reading.clock_status import read_clock_status
from tasks.clock import Clock
from tests.conftest import Database
from tests.support.patience import see, until
from tests.support.private_sessions import (
    ELEVEN,
    at,
    fresh,
    held,
    is_now,
    make_session,
    make_sessions,
    starting_in,
)
from tests.support.queued_work import has_no_work
from tests.support.ticking import ticking_with_stub

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def hints_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the clock sleep for an hour, so that it moves in time by a hint or a due date alone."""
    monkeypatch.setattr("tasks.clock.SLEEP_MAX_S", 3600.0)


@pytest.mark.parametrize("template", ["postgres"], indirect=True)
async def test_the_clock_does_not_spin_on_a_locked_session_nor_keep_others_waiting(
    database: Database, hints_only: None
) -> None:
    session = await make_session(at=clock.now() + timedelta(minutes=5), now=ELEVEN)
    async with AsyncExitStack() as stack:
        holding = await stack.enter_async_context(AsyncExitStack())
        await holding.enter_async_context(held(database, session))
        running, _ = await stack.enter_async_context(ticking_with_stub())
        await asyncio.sleep(1)
        assert running.sweeps <= 10
        other = await starting_in(0.3)
        await until(lambda: is_now(other, SessionStatus.ONGOING))
        assert (await fresh(session)).status is SessionStatus.SCHEDULED
        await holding.aclose()
        await until(lambda: is_now(session, SessionStatus.READY))


async def test_the_clock_is_there_at_the_second_and_makes_the_room(hints_only: None) -> None:
    async with ticking_with_stub() as (_, stub):
        session = await starting_in(0.3)  # the hint wakes the sleeping clock
        await until(lambda: is_now(session, SessionStatus.ONGOING))
        row = await fresh(session)
        assert row.updated_at >= row.scheduled_at
        await until(has_no_work)
        assert list(stub.rooms) == [row.room_name]
        assert (await fresh(session)).room_ready_at


async def test_a_session_far_ahead_does_not_wake_the_clock() -> None:
    async with ticking_with_stub() as (running, _):
        await until(lambda: _has_swept(running))
        before = running.sweeps
        await make_sessions(10, at=clock.now() + timedelta(days=1))
        assert running.sweeps <= before + 2


async def _has_swept(running: Clock) -> bool:
    return see(running.sweeps) > 0 and see(await ClockHeartbeat.exists())


async def test_a_silent_livekit_does_not_hold_the_clock(
    hints_only: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = asyncio.Event()

    async def wait_for_ever(*_: object, **__: object) -> None:
        asked.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(LiveKit, "list_rooms", wait_for_ever)
    monkeypatch.setattr(LiveKit, "ensure_room", wait_for_ever)
    async with ticking_with_stub():
        await asyncio.gather(*(_starts_in_time() for _ in range(3)))
        await until(asked.is_set)
        await _starts_in_time()


async def _starts_in_time() -> None:
    session = await starting_in(0.2)
    await until(lambda: is_now(session, SessionStatus.ONGOING))


async def test_the_clock_goes_on_after_its_database_was_gone(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    async with ticking_with_stub() as (running, _):
        await until(lambda: _has_swept(running))
        await sql.execute("ALTER TABLE clock_heartbeats RENAME TO elsewhere")
        before = running.sweeps
        await until(lambda: running.sweeps > before + 3)
        await sql.execute("ALTER TABLE elsewhere RENAME TO clock_heartbeats")
        session = await starting_in(0.1)
        await until(lambda: is_now(session, SessionStatus.ONGOING))
    assert caplog.text.count("loop in trouble") == 1


@pytest.mark.parametrize("template", ["postgres"], indirect=True)
async def test_the_clock_goes_on_after_its_connections_were_cut(database: Database) -> None:
    cut = """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()"""
    async with ticking_with_stub() as (running, _):
        await until(lambda: _has_swept(running))
        session = await starting_in(0.5)
        connection = await asyncpg.connect(database.url)
        await connection.execute(cut)
        await connection.close()
        await asyncio.sleep(1)  # the clock, and not this test, must meet the cut connections
        await until(lambda: is_now(session, SessionStatus.ONGOING))
        assert (await fresh(session)).updated_at - session.scheduled_at < timedelta(seconds=1)


async def test_a_clock_that_is_stopped_leaves_no_work_half_done() -> None:
    async with ticking_with_stub() as (_, stub):
        stub.slow_s = 0.3
        session = await starting_in(0.05)
        await until(lambda: "CreateRoom" in stub.calls)
    assert (await fresh(session)).room_ready_at
    assert await has_no_work()


async def test_the_status_of_a_clock_that_runs_and_of_one_that_stopped() -> None:
    assert not (await read_clock_status(at(0))).is_running
    await beat("here:1", at(0))
    await beat("there:2", at(0) - timedelta(minutes=3))
    running = await read_clock_status(at(0) + timedelta(seconds=5))
    assert (running.is_running, running.last_beat_at) == (True, at(0))
    stopped = await read_clock_status(at(0) + timedelta(seconds=6))
    assert (stopped.is_running, stopped.last_beat_at) == (False, at(0))


async def test_a_clock_that_was_ahead_and_stopped_does_not_run() -> None:
    await beat("here:1", at(0))
    await beat("ahead:2", at(0) + timedelta(hours=1))
    running = await read_clock_status(at(0) + timedelta(seconds=5))
    assert (running.is_running, running.last_beat_at) == (True, at(0))
    stopped = await read_clock_status(at(0) + timedelta(seconds=6))
    assert (stopped.is_running, stopped.last_beat_at) == (False, at(0))
    assert not (await read_clock_status(at(59))).is_running


async def test_a_machine_may_be_a_little_ahead_and_its_clock_is_still_seen_to_stop() -> None:
    await beat("ahead:1", at(0) + timedelta(seconds=3))
    assert (await read_clock_status(at(0))).is_running
    assert not (await read_clock_status(at(0) + timedelta(seconds=9))).is_running
    await beat("ahead:1", at(0) + timedelta(seconds=3, milliseconds=1))
    told = await read_clock_status(at(0))
    assert (told.is_running, told.last_beat_at) == (False, None)


async def test_a_clock_beats_under_its_name_and_forgets_those_of_other_days() -> None:
    await beat("long-gone:7", clock.now() - timedelta(days=2))
    async with ticking_with_stub() as (running, _):
        await until(lambda: _has_swept(running))
        await until(lambda: running.sweeps > 1)
    names = await ClockHeartbeat.all().values_list("name", flat=True)
    assert len(names) == 1
    assert ":" in names[0]
    await forget_stopped(clock.now() + timedelta(days=2))
    assert await ClockHeartbeat.all().count() == 0


async def test_the_status_counts_what_is_late(database: Database) -> None:
    await make_sessions(2)
    session = await make_session(at=at(1))
    await advance_due(at(-10))
    await DueWork.filter(subject__not=session.id).update(due_at=at(-30), attempts=5)
    late = await read_clock_status(at(-9) + timedelta(seconds=6))
    assert (late.overdue_sessions, late.oldest_overdue_seconds) == (1, 6)
    assert (late.overdue_work, late.failed_work) == (3, 2)  # two rooms, and the third one's link
    assert late.untried_work == 1
    if database.dialect == "sqlite":
        assert late.skew_ms == 0


@pytest.mark.parametrize("template", ["postgres"], indirect=True)
async def test_the_status_says_how_far_the_databases_clock_is_ahead() -> None:
    behind = await read_clock_status(clock.now() - timedelta(seconds=3))
    assert 2_900 < behind.skew_ms < 4_000
