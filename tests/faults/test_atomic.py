"""Transactions store and announce all or nothing, and a cancellation leaks nothing."""

import asyncio
import random
import sqlite3
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone

import pytest
from tortoise.exceptions import IntegrityError, TransactionManagementError

from models.database import sql
from models.database.asyncpg_engine import POOL_SIZE
from models.database.atomic import Transaction, atomic
from models.database.connection import client, close_database, dialect, is_retryable, open_database
from models.database.fields import utc
from tests.conftest import Database
from tests.support.patience import within

PATIENCE = 10  # seconds; only a leak takes that long


@pytest.fixture(autouse=True)
async def tallies(database: Database) -> None:
    kind = "TIMESTAMP" if dialect() == "sqlite" else "TIMESTAMPTZ"
    await sql.execute(f"CREATE TABLE tallies (id INTEGER PRIMARY KEY, n INTEGER, at {kind})")


async def add(identifier: int, n: int = 0) -> None:
    await sql.execute("INSERT INTO tallies (id, n) VALUES ($1, $2)", identifier, n)


async def stored() -> list[int]:
    return [row["id"] for row in await sql.query("SELECT id FROM tallies ORDER BY id")]


async def test_a_block_that_ends_well_is_stored() -> None:
    async with atomic():
        await add(1)
    assert await stored() == [1]


async def test_a_block_that_fails_stores_nothing() -> None:
    with pytest.raises(ZeroDivisionError):
        async with atomic():
            await add(1)
            raise ZeroDivisionError
    assert await stored() == []


async def test_an_inner_block_joins_the_outer_one() -> None:
    with pytest.raises(ZeroDivisionError):
        async with atomic() as outer:
            async with atomic() as inner:
                await add(1)
            assert inner is outer
            raise ZeroDivisionError
    assert await stored() == []


async def test_an_inner_failure_undoes_the_outer_block_even_when_it_is_caught() -> None:
    with pytest.raises(RuntimeError, match="none of it is stored"):
        async with atomic():
            await add(1)
            with suppress(ZeroDivisionError):
                async with atomic():
                    await add(2)
                    raise ZeroDivisionError
    assert await stored() == []


async def test_callbacks_run_after_the_commit_and_in_order() -> None:
    heard: list[tuple[str, bool]] = []

    def note(name: str, transaction: Transaction) -> None:
        heard.append((name, transaction.is_open))

    async with atomic() as transaction:
        transaction.on_commit(lambda: note("first", transaction))
        async with atomic() as inner:
            inner.on_commit(lambda: note("second", inner))
        assert heard == []
    assert heard == [("first", False), ("second", False)]


async def test_callbacks_do_not_run_after_a_rollback() -> None:
    heard: list[str] = []
    with pytest.raises(ZeroDivisionError):
        async with atomic() as transaction:
            transaction.on_commit(lambda: heard.append("told"))
            raise ZeroDivisionError
    assert heard == []


async def test_a_failing_callback_is_logged_and_the_next_one_runs(
    caplog: pytest.LogCaptureFixture,
) -> None:
    heard: list[str] = []
    async with atomic() as transaction:
        transaction.on_commit(lambda: 1 / 0)
        transaction.on_commit(lambda: heard.append("told"))
    assert heard == ["told"]
    assert "on_commit callback failed" in caplog.text


async def test_callbacks_see_what_was_stored_from_another_connection(database: Database) -> None:
    tasks: list[asyncio.Task[list[int]]] = []
    async with atomic() as transaction:
        await add(1)
        transaction.on_commit(lambda: tasks.append(asyncio.create_task(stored())))
    assert await tasks[0] == [1]


async def test_a_cancellation_during_the_commit_is_told_and_announced() -> None:
    heard: list[str] = []

    async def work() -> None:
        task = asyncio.current_task()
        assert task is not None
        async with atomic() as transaction:
            await add(1)
            transaction.on_commit(lambda: heard.append("told"))
            asyncio.get_running_loop().call_soon(task.cancel)

    with pytest.raises(asyncio.CancelledError):
        await asyncio.create_task(work())
    assert await stored() == [1]
    assert heard == ["told"]


async def test_a_task_started_inside_a_block_works_on_its_own_once_the_block_is_over() -> None:
    over = asyncio.Event()

    async def later() -> None:
        await over.wait()
        await add(2)
        async with atomic():
            await add(3)
        await sql.execute_many("INSERT INTO tallies (id, n) VALUES ($1, 0)", [(4,), (5,)])

    async with atomic():
        await add(1)
        task = asyncio.create_task(later())
    over.set()
    async with within(PATIENCE, "the task ends"):
        await task
    assert await stored() == [1, 2, 3, 4, 5]


async def test_a_task_started_inside_a_block_cannot_join_it() -> None:
    async def join() -> None:
        async with atomic():
            await add(1)

    async with atomic():
        with pytest.raises(RuntimeError, match="cannot join it"):
            await asyncio.create_task(join())


async def test_an_error_that_was_swallowed_does_not_pass_for_a_commit() -> None:
    """PostgreSQL undoes such a transaction and calls it a success; SQLite goes on with it."""

    async def work() -> None:
        async with atomic():
            await add(1)
            with suppress(IntegrityError):
                await add(1)

    if dialect() == "sqlite":
        await work()
        assert await stored() == [1]
    else:
        with pytest.raises(TransactionManagementError):
            await work()
        assert await stored() == []


async def test_a_storm_of_cancellations_leaks_nothing() -> None:
    """More tasks than connections, each cancelled at any moment of its life, many times over."""
    chance = random.Random(7)
    for start in range(0, 600, 60):
        tasks = [asyncio.create_task(_block(start + step)) for step in range(60)]
        for task in tasks:
            for _ in range(chance.randrange(6)):
                await asyncio.sleep(0)
            if chance.random() < 0.7:
                await asyncio.sleep(chance.random() / 500)
            task.cancel()
            task.cancel()
        await asyncio.wait(tasks, timeout=PATIENCE)
        assert all(task.done() for task in tasks)
    await _uses_every_connection()
    pairs = await sql.query("SELECT count(*) AS n FROM tallies")
    assert pairs[0]["n"] % 2 == 0


async def _block(number: int) -> None:
    async with atomic():
        await add(2 * number)
        await asyncio.sleep(0)
        await add(2 * number + 1)


async def _uses_every_connection() -> None:
    """Each connection of the pool works, and none of them is in a transaction."""
    together = 1 if dialect() == "sqlite" else POOL_SIZE
    gate = asyncio.Barrier(together)

    async def one() -> None:
        async with atomic():
            await gate.wait()

    async with within(PATIENCE, "all have a connection at once"):
        await asyncio.gather(*(one() for _ in range(together)))


async def test_a_cancelled_execute_many_leaves_no_transaction_open() -> None:
    rows = [(number,) for number in range(2_000)]
    for step in range(40):
        task = asyncio.create_task(
            sql.execute_many("INSERT INTO tallies (id, n) VALUES ($1, 0)", rows)
        )
        await asyncio.sleep(step / 8_000)
        task.cancel()
        await asyncio.wait({task}, timeout=PATIENCE)
        async with within(PATIENCE, "a connection is free"), atomic():
            assert len(await stored()) in (0, 2_000)
            await sql.execute("DELETE FROM tallies")


async def test_writers_that_read_first_all_succeed(database: Database) -> None:
    await add(1)

    async def increment() -> None:
        async with atomic():
            rows = await sql.query(f"SELECT n FROM tallies WHERE id = 1{sql.lock_suffix()}")
            await sql.execute("UPDATE tallies SET n = $1 WHERE id = 1", rows[0]["n"] + 1)

    await asyncio.gather(*(increment() for _ in range(50)))
    assert (await sql.query("SELECT n FROM tallies"))[0]["n"] == 50


@pytest.mark.parametrize("template", ["sqlite"], indirect=True)
async def test_a_block_on_sqlite_has_the_right_to_write_from_its_start(database: Database) -> None:
    """A block that asks for the right only after reading is refused when another process writes."""
    other = sqlite3.connect(database.url.removeprefix("sqlite:///"), timeout=0)
    async with atomic():
        with pytest.raises(sqlite3.OperationalError, match="database is locked"):
            other.execute("BEGIN IMMEDIATE")
    other.execute("BEGIN IMMEDIATE")
    other.close()


@pytest.mark.parametrize("template", ["postgres"], indirect=True)
async def test_a_wait_for_a_lock_ends_and_can_be_tried_again() -> None:
    await add(1)
    locked, enough = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        async with atomic():
            await sql.query("SELECT id FROM tallies FOR UPDATE")
            locked.set()
            await enough.wait()

    holder = asyncio.create_task(hold())
    await locked.wait()
    with pytest.raises(Exception, match="lock timeout") as caught:
        async with atomic():
            await sql.query("SELECT id FROM tallies FOR UPDATE")
    enough.set()
    await holder
    assert is_retryable(caught.value)


@pytest.mark.parametrize("template", ["postgres"], indirect=True)
async def test_a_killed_connection_fails_one_block_and_the_pool_heals() -> None:
    with pytest.raises(Exception, match="connection") as caught:
        async with atomic():
            await sql.query("SELECT pg_terminate_backend(pg_backend_pid())")
            await add(1)
    assert is_retryable(caught.value)
    async with atomic():
        await add(2)
    assert await stored() == [2]


SILENT = """
CREATE OR REPLACE FUNCTION be_silent() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM pg_sleep(2); RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER silent AFTER INSERT ON tallies
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION be_silent()
"""


@pytest.mark.parametrize("template", ["postgres"], indirect=True)
async def test_a_server_that_is_silent_at_the_end_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("models.database.asyncpg_engine.END_TIMEOUT_S", 0.2)
    await sql.execute(SILENT)
    async with within(PATIENCE, "the block gives up its end"):
        with pytest.raises(TimeoutError):
            async with atomic():
                await add(1)
    await sql.execute("DROP TRIGGER silent ON tallies")
    async with atomic():
        await add(2)
    assert 2 in await stored()


async def test_moments_are_stored_as_the_orm_stores_them_and_compare_across_zones() -> None:
    riyadh = timezone(timedelta(hours=3))
    moment = datetime(2026, 3, 1, 1, 30, tzinfo=riyadh)
    await sql.execute("INSERT INTO tallies (id, at) VALUES (1, $1)", moment)
    before = datetime(2026, 2, 28, 22, 29, 59, 999_999, tzinfo=UTC)
    assert await sql.query("SELECT id FROM tallies WHERE at > $1", before) == [{"id": 1}]
    (row,) = await sql.query("SELECT at FROM tallies WHERE at <= $1", moment)
    assert utc(row["at"]) == moment
    assert utc(row["at"]).tzinfo is UTC


async def test_a_moment_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        await sql.execute("INSERT INTO tallies (id, at) VALUES (1, $1)", datetime(2026, 3, 1))  # noqa: DTZ001


async def test_execute_counts_the_rows_it_wrote() -> None:
    assert await sql.execute("INSERT INTO tallies (id, n) VALUES ($1, 0), ($2, 0)", 1, 2) == 2
    repeated = "INSERT INTO tallies (id, n) VALUES (1, 0) ON CONFLICT DO NOTHING"
    assert await sql.execute(repeated) == 0
    async with atomic():
        assert await sql.execute("UPDATE tallies SET n = 5 WHERE n = $1", 0) == 2
    returned = await sql.query("UPDATE tallies SET n = n + 1 WHERE id = 1 RETURNING n")
    assert returned == [{"n": 6}]
    listed = f"DELETE FROM tallies WHERE id IN ({sql.places(2)})"
    assert await sql.execute(listed, 1, 2) == 2


async def test_a_database_can_be_closed_and_opened_again(database: Database) -> None:
    await add(1)
    await close_database()
    await open_database(database.url)
    assert await stored() == [1]
    assert client().capabilities.dialect == database.dialect
