"""`sessions …` and `meetings …` as an operator runs them, with no server beside them."""

import json
from datetime import timedelta
from typing import Any

import clock
from actions.clock.sweep import advance_due
from actions.rooms.room import make_room
from domain.status import SessionStatus
from models import DueWork, Session
from models.database.connection import close_database, open_database
from tests.conftest import Database
from tests.support import make
from tests.support.command import Ended, configured, run
from tests.support.livekit_stub import LiveKitStub
from tests.support.scene import dump
from tests.support.ticking import reaching


async def make_session(starts_in: float, **values: Any) -> Session:
    """A private session that starts so many minutes from now."""
    academy = await make.academy()
    at = clock.now() + timedelta(minutes=starts_in)
    teacher, student = await make.teacher(academy), await make.student(academy)
    return await make.session(academy, teacher, student=student, at=at, **values)


async def command(
    database: Database, *arguments: str, livekit: str = "http://127.0.0.1:9"
) -> Ended:
    await close_database()
    env = configured(database.url) | {"HALAQA_LIVEKIT_API_URL": livekit}
    ended = await run(*arguments, env=env)
    await open_database(database.url)
    return ended


async def status(session: Session) -> SessionStatus:
    return (await Session.get(id=session.id)).status


async def test_a_session_is_shown_whole(database: Database) -> None:
    session = await make_session(5)
    await advance_due(clock.now())
    ended = await command(database, "sessions", "show", str(session.id))
    assert (ended.code, ended.err) == (0, "")
    row = await Session.get(id=session.id)
    for told in (
        "QURAN",
        "status     READY",
        row.room_name,
        "work       MAKE_ROOM",
        "stuck      no",
    ):
        assert str(told) in ended.out
    assert "SCHEDULED to READY, CLOCK" in ended.out
    assert "TEACHER" in ended.out
    missing = await command(database, "sessions", "show", "99")
    assert (missing.code, missing.err) == (1, "There is no such session.\n")


async def test_stuck_sessions_are_listed_and_the_exit_code_is_1(database: Database) -> None:
    well = await command(database, "sessions", "stuck")
    assert (well.code, well.out) == (0, "0 stuck.\n")
    session = await make_session(-1)
    ended = await command(database, "sessions", "stuck")
    assert ended.code == 1
    assert f"{session.id}  OVERDUE  since " in ended.out
    ended = await command(database, "sessions", "stuck", "--json")
    (told,) = json.loads(ended.out)["stuck"]
    assert (told["session"], told["reason"]) == (session.id, "OVERDUE")
    other = await make.academy("elsewhere")
    ended = await command(database, "sessions", "stuck", "--academy", other.slug)
    assert (ended.code, ended.out) == (0, "0 stuck.\n")
    ended = await command(database, "sessions", "stuck", "--academy", "nowhere")
    assert (ended.code, ended.err) == (1, "There is no such academy.\n")


async def test_a_class_without_its_teacher_is_listed_and_no_trouble_of_the_system(
    database: Database,
) -> None:
    session = await make_session(-20)
    await advance_due(clock.now())
    await DueWork.all().delete()
    await Session.filter(id=session.id).update(room_ready_at=clock.now())
    ended = await command(database, "sessions", "stuck")
    assert ended.code == 1
    due_at = session.scheduled_at + timedelta(minutes=15)
    assert ended.out == f"{session.id}  NO_TEACHER  since {due_at:%F %T}Z\n1 stuck.\n"
    shown = await command(database, "sessions", "show", str(session.id))
    assert f"stuck      NO_TEACHER since {due_at:%F %T}Z" in shown.out


async def test_late_sessions_are_moved_to_their_status(database: Database) -> None:
    session = await make_session(-1)
    await make_session(60)
    dry = await command(database, "sessions", "update-statuses", "--dry-run", "--verbose")
    assert dry.code == 0
    assert f"{session.id}  SCHEDULED to ONGOING" in dry.out
    assert "1 checked, 1 updated, 0 failed; nothing was done." in dry.out
    assert await status(session) is SessionStatus.SCHEDULED
    none = await command(database, "sessions", "update-statuses", "--kind", "academic")
    assert none.out == "0 checked, 0 updated, 0 failed.\n"
    ended = await command(database, "sessions", "update-statuses", "-v")
    assert ended.out.endswith("1 checked, 1 updated, 0 failed.\n")
    assert await status(session) is SessionStatus.ONGOING


async def test_links_are_made_ahead(database: Database) -> None:
    near, far = await make_session(12), await make_session(120)
    await DueWork.all().delete()
    dry = await command(database, "meetings", "create-scheduled", "--dry-run", "-v")
    told = f"{near.id}  {near.academy.slug}-quran-session-{near.id}\n"
    assert dry.out == f"{told}1 checked, 1 created, 0 failed; nothing was done.\n"
    assert (await Session.get(id=near.id)).meeting_link is None
    ended = await command(database, "meetings", "create-scheduled", "--verbose")
    assert ended.out.endswith("1 checked, 1 created, 0 failed.\n")
    assert (await Session.get(id=near.id)).meeting_link
    assert (await Session.get(id=far.id)).meeting_link is None


async def expired(stub: LiveKitStub) -> Session:
    session = await make_session(-70)
    async with reaching(stub.url) as livekit:
        await advance_due(clock.now() - timedelta(minutes=20))
        await make_room(livekit, session.id, clock.now() - timedelta(minutes=20))
    return session


async def test_expired_meetings_are_ended_with_counts(database: Database) -> None:
    async with LiveKitStub() as stub:
        session = await expired(stub)
        wanted = ("meetings", "cleanup-expired")
        dry = await command(database, *wanted, "--dry-run", livekit=stub.url)
        assert dry.out == "1 checked, 1 ended, 0 failed; nothing was done.\n"
        assert len(stub.rooms) == 1
        ended = await command(database, *wanted, livekit=stub.url)
        assert (ended.code, ended.out) == (0, "1 checked, 1 ended, 0 failed.\n")
        assert stub.rooms == {}
    assert await status(session) is SessionStatus.COMPLETED
    silent = await command(database, *wanted)
    assert silent.code == 1
    assert silent.err == "LiveKit does not answer: its rooms were not looked at.\n"


async def test_sessions_manage_meetings_does_all_work_of_meetings(database: Database) -> None:
    async with LiveKitStub() as stub:
        session, near = await expired(stub), await make_session(12)
        await DueWork.all().delete()
        before = await dump()
        dry = await command(database, "sessions", "manage-meetings", "--dry-run", livekit=stub.url)
        assert dry.out.splitlines() == [
            "ahead: 1 checked, 1 created.",
            "missing: 0 checked, 0 made, 0 to be finalised.",
            "1 checked, 1 ended, 0 failed; nothing was done.",
        ]
        assert await dump() == before
        ended = await command(database, "sessions", "manage-meetings", livekit=stub.url)
        assert ended.out.splitlines() == [
            "ahead: 1 checked, 1 created.",
            "missing: 0 checked, 0 made, 0 to be finalised.",
            "1 checked, 1 ended, 0 failed.",
        ]
        assert ended.code == 0
    assert await status(session) is SessionStatus.COMPLETED
    assert (await Session.get(id=near.id)).room_name
