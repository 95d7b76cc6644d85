"""The rows of attendance are a cache: a rebuild gives them back byte for byte, at any hour."""

import asyncio
import random
import sys
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from actions.attendance.away import note_away
from actions.attendance.final_result import finalise_attendance
from actions.attendance.folding import refold
from actions.attendance.overrides import Wish, override_attendance, withdraw_attendance_override
from actions.attendance.reconciliation import reconcile_session
from actions.attendance.reports import expire_report, report_join, report_leave
from actions.attendance.stale_stays import expire_stays
from actions.clock.sweep import advance_due
from actions.webhooks.door import WebhookDoor
from actions.writing.stream import writing
from domain.attendance.fold import FIRST_RULE, AttendanceStatus, EventKind, Result
from domain.attendance.state import from_ms
from models import MeetingAttendance, MeetingAttendanceEvent, Session
from models.attendance_json import state_from_json
from tests.conftest import Database
from tests.support import make
from tests.support.attendance_rows import as_text, state, stream
from tests.support.classrooms import START, at, listed, ready
from tests.support.filled import filled
from tests.support.livekit_events import Room, send, send_raw
from tests.support.patience import PATIENCE_S, within
from tests.support.replays import replay, tell

ROOT = Path(__file__).parents[3]
PEOPLE = ["1_Sara_Ali", "5_Huda_Ali", "7_Omar_Drop", "8_Frozen_Net", "0_Never_Came"]
QUICK = ["20_Quick_Leaver", "21_Quick_Leaver", "22_Quick_Leaver", "11_Retry_Me"]

# Do what `main.py` does around an action: open, act, close.
PROGRAM = """
import asyncio
import sys
from datetime import datetime

from actions.attendance.folding import refold
from actions.attendance.recalculation import recalculate_session
from actions.writing.stream import writing
from models import Session
from models.database.connection import close_database, open_database


async def rebuild(url, now, way):
    await open_database(url)
    for session in await Session.all().order_by("id"):
        if way == "recalculate":
            await recalculate_session(session.id, now)
        else:
            async with writing(session.id, now) as draft:
                await refold(draft)
    await close_database()


asyncio.run(rebuild(sys.argv[1], datetime.fromisoformat(sys.argv[2]), sys.argv[3]))
"""


async def rebuild_elsewhere(url: str, now: datetime, way: str = "recalculate") -> None:
    """Compute all sessions in a new process by whose clock it is `now`.

    A person has them recalculated, by the present rules; to `refold` keeps the rules of each.
    """
    arguments = ("-c", PROGRAM, url, now.isoformat(), way)
    process = await asyncio.create_subprocess_exec(sys.executable, *arguments, cwd=ROOT)
    async with within(PATIENCE_S, "the other process ends"):
        assert await process.wait() == 0


async def a_final_class() -> Session:
    """A recorded class, shuffled, with a visitor and an absent student; then a late event."""
    told = await replay("class", PEOPLE + QUICK)
    requests = told.requests()
    await tell(random.Random(7).sample(requests[:-4], len(requests) - 4))
    await advance_due(told.session.completes_at)
    await finalise_attendance(
        told.session.id, told.session.completes_at + timedelta(seconds=10.123456)
    )
    late_ms, body = requests[-1]
    assert await send_raw(body, from_ms(late_ms + 3_000)) == 200
    return told.session


async def a_killed_class() -> Session:
    """A class that goes on: its server was killed, and looks knew when it was last alive."""
    names = ["1_Sara_Ali", "5_Huda_Ali", "12_Also_Down", "21_New_One"]
    told = await replay("sfu-killed", names, minutes=60, merge_gap_seconds=0)
    for number, request in enumerate(told.requests()):
        if number in (5, 8, 10):
            seen_at = from_ms(request[0] - 4_000)
            await Session.filter(id=told.session.id).update(room_seen_at=seen_at)
        await tell([request])
    return told.session


async def an_absent_session() -> Session:
    classroom = await ready()
    await send(classroom.room.joined(classroom.stay(0, classroom.teacher)), START)
    far = Room(classroom.session, at(60 * 24 * 2))
    await send(far.started(), at(60 * 24 * 2))
    await advance_due(at(65))
    await finalise_attendance(classroom.session.id, at(66))
    return classroom.session


async def a_class_of_every_kind_of_line() -> Session:
    """A final class whose people joined, reported, were seen, expired and were overridden."""
    classroom = await ready(students=5)
    joined, reported, found, lost, silent = classroom.students
    session, stays = classroom.session, [classroom.stay(0, one) for one in classroom.students]
    await send(classroom.room.joined(stays[0]), START)
    await report_leave(make.viewer(joined), session.id, None, at(20))
    await report_join(make.viewer(reported), session.id, "PA_reported", at(1))
    await expire_report((await state(session.id, reported)).participant_id, at(2))
    await send(classroom.room.joined(stays[3]), START)
    await send(classroom.room.joined(stays[4]), START)
    there = {
        (found.id, "PA_found"): listed(found, "PA_found", at(3)),
        (silent.id, stays[4].sid): listed(silent, stays[4].sid, START),
    }
    for minute in (5, 6):
        await reconcile_session(await classroom.now(), there, at(minute))
    for minute in (10, 11):
        await WebhookDoor().beat("here:1", at(minute))
    await note_away(session.id, at(11))
    await expire_stays(session.id, at(50))
    wish = Wish(AttendanceStatus.PRESENT, "I saw them.")
    teacher = make.viewer(classroom.teacher)
    await override_attendance(teacher, session.id, reported.id, wish, at(51))
    await override_attendance(teacher, session.id, lost.id, wish, at(52))
    await withdraw_attendance_override(teacher, session.id, lost.id, at(53))
    await advance_due(at(65))
    await finalise_attendance(session.id, at(66))
    kinds = await MeetingAttendanceEvent.filter(session_id=session.id).values_list(
        "kind", flat=True
    )
    assert set(EventKind) - set(kinds) == {EventKind.CONNECTION_ABORTED, EventKind.ROOM_FINISHED}
    return session


async def test_every_row_comes_back_byte_for_byte_in_a_new_process_an_hour_later(
    database: Database,
) -> None:
    sessions = [await a_killed_class(), await a_final_class(), await an_absent_session()]
    sessions.append(await a_class_of_every_kind_of_line())
    classroom = await ready()  # nobody joined and nothing is final: no row
    rows = await as_text()
    assert len(rows.splitlines()) == 4 + 9 + 2 + 6
    statuses = [(await Session.get(id=session.id)).status for session in sessions]
    await MeetingAttendance.all().delete()
    assert await as_text() == ""
    await rebuild_elsewhere(database.url, at(65 + 60))
    assert await as_text() == rows
    assert [(await Session.get(id=session.id)).status for session in sessions] == statuses
    for session in [*sessions, classroom.session]:
        assert (await Session.get(id=session.id)).version == len(await stream(session.id))


async def test_a_rebuild_of_right_rows_changes_nothing_and_tells_nobody(
    database: Database,
) -> None:
    session = await a_final_class()
    rows, version = await as_text(), (await Session.get(id=session.id)).version
    await rebuild_elsewhere(database.url, make.ELEVEN + timedelta(hours=5))
    assert await as_text() == rows
    assert (await Session.get(id=session.id)).version == version


async def test_rows_of_the_first_rules_come_back_byte_for_byte_too(database: Database) -> None:
    sessions = [await a_killed_class(), await a_final_class(), await an_absent_session()]
    await Session.all().update(attendance_rule=FIRST_RULE)
    for session in sessions:
        async with writing(session.id, at(66)) as draft:
            await refold(draft)
    rows = await as_text()
    await MeetingAttendance.all().delete()
    await rebuild_elsewhere(database.url, at(65 + 60), "refold")
    assert await as_text() == rows
    assert {session.attendance_rule for session in await Session.all()} == {FIRST_RULE}


async def test_a_wrong_row_is_put_right_and_told(database: Database) -> None:
    session = await a_final_class()
    rows, version = await as_text(), (await Session.get(id=session.id)).version
    first = await MeetingAttendance.filter(session_id=session.id).order_by("-closed_ms").first()
    assert first is not None
    await MeetingAttendance.filter(participant_id=first.participant_id).update(closed_ms=1)
    await rebuild_elsewhere(database.url, make.ELEVEN + timedelta(hours=5))
    assert await as_text() == rows
    [told] = (await stream(session.id))[version:]
    assert told.payload["closed_ms"] == first.closed_ms


async def test_a_row_and_what_is_told_have_every_field_that_the_fold_says(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    classroom = await ready()
    await send(classroom.room.joined(classroom.stay(0)), START)
    said = filled(Result)
    monkeypatch.setattr("actions.attendance.folding.fold_log", lambda log, facts: said)
    async with writing(classroom.session.id, at(1)) as draft:
        [folded] = [one for one in await refold(draft) if one.user_id == classroom.student.id]
    assert folded.result == said
    assert await state(classroom.session.id, classroom.student) == folded
    told = state_from_json((await stream(classroom.session.id))[-1].payload)
    assert told == replace(folded, result=replace(said, open_sids=()))
