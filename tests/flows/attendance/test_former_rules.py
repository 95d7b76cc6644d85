"""A result of an earlier release keeps its rules, until a person has it calculated again."""

from importlib import import_module
from typing import Any

import pytest
from tortoise.migrations.operations import RunSQL

from actions.attendance.final_result import finalise_attendance
from actions.attendance.folding import refold
from actions.attendance.recalculation import recalculate_session
from actions.clock.sweep import advance_due
from actions.sessions.session_status import change_session_status
from actions.writing.stream import writing
from domain.access import UserRole
from domain.attendance.fold import ATTENDANCE_RULE, FIRST_RULE, AttendanceStatus
from domain.status import SessionStatus
from models import MeetingAttendance, Session
from models.database import sql
from models.reading.attendance_log import held_ms
from schema.types.ids import Kind, encode
from tests.conftest import Database
from tests.support import make
from tests.support.asking import Asker, payload
from tests.support.attendance_rows import as_text, state, stream
from tests.support.classrooms import START, Classroom, at, ready
from tests.support.livekit_events import send

ABSENT, PRESENT = AttendanceStatus.ABSENT, AttendanceStatus.PRESENT
AGAIN = """mutation ($id: ID!) { recalculateAttendance(sessionId: $id) {
  session { attendances { nodes { status calculatedAt } } } errors { code }
} }"""


async def an_old_result() -> Classroom:
    """A final class of an hour that its teacher ended after a quarter: by the first rules ABSENT.

    The class has rule 1 from its start, as if an earlier release had made it final.
    """
    classroom = await ready(2)
    await Session.filter(id=classroom.session.id).update(attendance_rule=FIRST_RULE)
    await send(classroom.room.started(), at(-9))
    await advance_due(START)
    await send(classroom.room.joined(classroom.stay(0)), START)
    admin = make.viewer(await make.user(await classroom.session.academy, UserRole.ACADEMY_ADMIN))
    to = SessionStatus.COMPLETED
    await change_session_status(admin, classroom.session.id, to, None, at(16))
    await finalise_attendance(classroom.session.id, at(16, 10))
    assert await status(classroom) is ABSENT
    return classroom


async def status(classroom: Classroom) -> AttendanceStatus | None:
    return (await state(classroom.session.id, classroom.student)).result.status


async def test_a_fold_that_no_person_asks_for_keeps_the_former_rules(database: Database) -> None:
    classroom = await an_old_result()
    rows = await as_text()
    await MeetingAttendance.all().delete()
    async with writing(classroom.session.id, at(500)) as draft:
        await refold(draft)
    assert await as_text() == rows
    # A late event is folded by the former rules too.
    stay = classroom.stay(10, classroom.students[1])
    await send(classroom.room.joined(stay), at(501))
    assert await status(classroom) is ABSENT
    assert (await classroom.now()).attendance_rule == FIRST_RULE


async def test_a_person_has_it_judged_by_the_present_rules(asker: Asker) -> None:
    classroom = await an_old_result()
    sent: dict[str, Any] = {"id": encode(Kind.SESSION, classroom.session.id)}
    found = payload(await asker.ask(AGAIN, classroom.teacher, now=at(90), **sent))
    rows = found["session"]["attendances"]["nodes"]
    assert [row["status"] for row in rows if row["status"]] == ["PRESENT", "ABSENT"]
    assert {row["calculatedAt"] for row in rows} == {"2026-03-02T12:30:00.000Z"}
    session = await classroom.now()
    assert session.attendance_rule == ATTENDANCE_RULE
    text, version = await as_text(), session.version
    await MeetingAttendance.all().delete()
    await recalculate_session(session.id, at(600))
    assert await as_text() == text
    assert version < (await classroom.now()).version == len(await stream(session.id))


@pytest.mark.parametrize("rule", [FIRST_RULE, ATTENDANCE_RULE])
async def test_a_trial_changes_no_rules(database: Database, rule: int) -> None:
    classroom = await an_old_result()
    await Session.filter(id=classroom.session.id).update(attendance_rule=rule)
    rows, session = await as_text(), await classroom.now()
    repair = await recalculate_session(session.id, at(90), is_trial=True)
    assert repair.former_rule == rule
    assert repair.rows > 0
    assert await as_text() == rows
    after = await classroom.now()
    told = ("attendance_rule", "finalised_at", "version")
    assert [getattr(after, name) for name in told] == [getattr(session, name) for name in told]


async def test_the_migration_finds_when_a_person_had_ended_a_class_early(
    database: Database,
) -> None:
    """Else a recalculation would judge it by its whole schedule."""
    early = await an_old_result()
    whole = await ready(2)
    await advance_due(at(65))
    await Session.all().update(held_until=None, attendance_rule=ATTENDANCE_RULE)
    operations = import_module("models.migrations.0004_sure_attendance").Migration.operations
    statements = [one for each in operations if isinstance(each, RunSQL) for one in each.sql]
    (restoring,) = [one for one in statements if "held_until" in one]
    await sql.execute(restoring)
    found = [await early.now(), await whole.now()]
    assert [session.held_until for session in found] == [at(16), None]
    assert held_ms(found[0]) == 16 * 60_000
