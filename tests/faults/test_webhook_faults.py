"""A webhook that cannot be stored gets 503, leaves nothing, and is stored once when it returns."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from actions.webhooks.notices import record_notice
from domain.status import SessionStatus
from domain.webhook import WebhookOutcome
from gateways.livekit_webhooks import translate
from models import MeetingAttendance, MeetingAttendanceEvent, Session, SessionEvent, WebhookReceipt
from models.database import sql
from models.database.connection import client, dialect
from tests.conftest import Database
from tests.support import postgres
from tests.support.attendance_rows import state, stream
from tests.support.classrooms import Classroom, at, ready
from tests.support.livekit_events import send, send_raw
from tests.support.patience import PATIENCE_S, within
from tests.support.webhooks import encode

postgres_only = pytest.mark.parametrize("template", ["postgres"], indirect=True)


@pytest.fixture
async def classroom(database: Database) -> Classroom:
    return await ready()


async def everything() -> list[list[dict[str, object]]]:
    tables = (Session, SessionEvent, MeetingAttendanceEvent, MeetingAttendance, WebhookReceipt)
    return [list(await table.all().order_by(table._meta.pk_attr).values()) for table in tables]


@asynccontextmanager
async def commits_failing(table: str) -> AsyncIterator[None]:
    """Every insert into `table` fails, but only when it commits."""
    await sql.execute("CREATE TABLE allowed (id INTEGER PRIMARY KEY)")
    await sql.execute(
        "CREATE TABLE jam (id INTEGER REFERENCES allowed (id) DEFERRABLE INITIALLY DEFERRED)"
    )
    jam = "INSERT INTO jam VALUES (1)"
    if dialect() == "sqlite":
        await sql.execute(f"CREATE TRIGGER jams AFTER INSERT ON {table} BEGIN {jam}; END")
    else:
        await sql.execute(
            "CREATE OR REPLACE FUNCTION jams() RETURNS trigger LANGUAGE plpgsql "
            f"AS 'BEGIN {jam}; RETURN NEW; END'"
        )
        await sql.execute(
            f"CREATE TRIGGER jams AFTER INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION jams()"
        )
    yield
    await sql.execute("DROP TRIGGER jams" + (f" ON {table}" if dialect() == "postgres" else ""))


async def stored_once(classroom: Classroom) -> None:
    session = await classroom.now()
    assert await MeetingAttendanceEvent.filter(session_id=session.id, kind="JOINED").count() == 1
    assert session.status is SessionStatus.ONGOING
    assert session.version == len(await stream(session.id))
    assert (await state(session.id, classroom.student)).result.join_count == 1


@pytest.mark.parametrize(
    "table", ["meeting_attendance_events", "meeting_attendances", "session_events"]
)
async def test_a_commit_that_fails_is_503_and_the_repeat_stores_it_once(
    classroom: Classroom, table: str, caplog: pytest.LogCaptureFixture
) -> None:
    before = await everything()
    event = classroom.room.joined(classroom.stay(1))
    async with commits_failing(table):
        assert await send(event, at(1)) == 503
        assert await send(event, at(1, 1)) == 503
    assert await everything() == before
    [first, _] = [
        record_notice for record_notice in caplog.records if record_notice.name == "halaqa.webhooks"
    ]
    assert (first.getMessage(), first.exc_info is not None) == ("webhook not stored", True)
    assert await send(event, at(1, 3)) == 200
    assert await send(event, at(1, 7)) == 200
    await stored_once(classroom)


async def test_a_receipt_that_cannot_be_stored_is_503_too(classroom: Classroom) -> None:
    ignored = classroom.room.joined(classroom.stay(1), kind="AGENT")
    async with commits_failing("webhook_receipts"):
        assert await send(ignored, at(1)) == 503
        assert await send_raw(b"junk", at(1)) == 503
    assert await WebhookReceipt.all().count() == 0
    assert await send(ignored, at(2)) == 200
    assert await send_raw(b"junk", at(2)) == 200
    assert await WebhookReceipt.all().count() == 2


async def test_an_unexpected_error_answers_503_and_delays_no_other_session(
    classroom: Classroom,
) -> None:
    other = await ready()
    event = classroom.room.joined(classroom.stay(1))
    await Session.filter(id=classroom.session.id).update(attendance_policy={"no_such_rule": 1})
    assert await send(event, at(1)) == 503
    assert await send(other.room.joined(other.stay(1)), at(1)) == 200
    await Session.filter(id=classroom.session.id).update(attendance_policy={})
    assert await send(event, at(1, 2)) == 200
    await stored_once(classroom)
    await stored_once(other)


@pytest.mark.parametrize("template", ["sqlite"], indirect=True)
async def test_a_database_that_somebody_else_writes_to_is_503(
    classroom: Classroom, database: Database
) -> None:
    await client().execute_query("PRAGMA busy_timeout = 50")
    event = classroom.room.joined(classroom.stay(1))
    async with sqlite_writer(database):
        assert await send(event, at(1)) == 503
    assert await send(event, at(1, 1)) == 200
    await stored_once(classroom)


@asynccontextmanager
async def sqlite_writer(database: Database) -> AsyncIterator[None]:
    connection = sqlite3.connect(database.url.removeprefix("sqlite:///"), isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    yield
    connection.execute("ROLLBACK")
    connection.close()


@asynccontextmanager
async def row_locked(database: Database, session_id: int) -> AsyncIterator[None]:
    connection = await asyncpg.connect(database.url)
    transaction = connection.transaction()
    await transaction.start()
    await connection.execute("SELECT id FROM sessions WHERE id = $1 FOR UPDATE", session_id)
    yield
    await transaction.rollback()
    await connection.close()


@postgres_only
async def test_a_locked_session_is_503_after_two_seconds(
    classroom: Classroom, database: Database
) -> None:
    event = classroom.room.joined(classroom.stay(1))
    async with row_locked(database, classroom.session.id):
        async with within(PATIENCE_S, "an answer although the session is locked"):
            assert await send(event, at(1)) == 503
    assert await send(event, at(1, 1)) == 200
    await stored_once(classroom)


@postgres_only
async def test_thirty_who_wait_for_one_session_hold_one_connection(database: Database) -> None:
    classroom, other = await ready(30), await ready()
    notices = [
        translate(encode(classroom.room.joined(classroom.stay(1, student))))
        for student in classroom.students
    ]
    async with row_locked(database, classroom.session.id):
        waiting = [asyncio.create_task(record_notice(notice, at(1))) for notice in notices]
        await asyncio.sleep(0.2)  # all of them wait for the row by now
        async with within(1, "an answer for another session"):
            assert await send(other.room.joined(other.stay(1)), at(1)) == 200
        busy = "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
        held = await sql.query(busy + " AND state = 'active' AND wait_event_type = 'Lock'")
        assert len(held) == 1
    assert set(await asyncio.gather(*waiting)) == {WebhookOutcome.APPLIED}
    session = await classroom.now()
    assert session.version == len(await stream(session.id))


@postgres_only
async def test_lost_connections_lose_no_webhook(classroom: Classroom, database: Database) -> None:
    event = classroom.room.joined(classroom.stay(1))
    await postgres.run(database.url, postgres.OTHERS)
    answers = [await send(event, at(1, second)) for second in range(3)]
    assert set(answers) <= {200, 503}
    assert answers[-1] == 200
    await stored_once(classroom)


async def test_a_webhook_that_is_cut_off_anywhere_is_stored_wholly_or_not_at_all(
    database: Database,
) -> None:
    for number in range(12):
        classroom = await ready()
        notice = translate(encode(classroom.room.joined(classroom.stay(1))))
        task = asyncio.create_task(record_notice(notice, at(1)))
        for _ in range(number * 5):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        session = await classroom.now()
        is_stored = await MeetingAttendanceEvent.exists(source_id=notice.id)
        assert (session.status is SessionStatus.ONGOING) is is_stored
        assert await MeetingAttendance.exists(session_id=session.id) is is_stored
        assert session.version == len(await stream(session.id))
        again = await record_notice(notice, at(1, 1))
        assert again is (WebhookOutcome.DUPLICATE if is_stored else WebhookOutcome.APPLIED)
        await stored_once(classroom)
