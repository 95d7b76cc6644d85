"""An attendance says how sure it is, and which rows a person should decide on."""

from typing import Any

import pytest

from actions.attendance.final_result import finalise_attendance
from actions.attendance.reports import report_join
from actions.clock.sweep import advance_due
from actions.sessions.session_cancel import cancel_session
from actions.sessions.session_status import change_session_status
from domain.access import UserRole
from domain.status import SessionStatus
from models import MeetingAttendance, SessionParticipant, User
from models.attendance import TO_REVIEW
from models.database import sql
from models.database.atomic import atomic
from models.database.connection import client, dialect
from schema.types.ids import Kind, encode
from tests.conftest import Database
from tests.support import make
from tests.support.asking import Asker, payload
from tests.support.classrooms import START, Classroom, at, ready, scheduled
from tests.support.livekit_events import send

ROSTER = """query ($id: ID!) { session(id: $id) {
  heldSeconds
  attendances { nodes {
    user { id } totalSeconds atLeastSeconds atMostSeconds percentage needsReview status
  } }
} }"""
REVIEW = """query ($wanted: Boolean) {
  attendances(filter: { needsReview: $wanted }) { nodes { user { id } } }
}"""
HELD = "query ($id: ID!) { session(id: $id) { heldSeconds } }"
NOW = """query ($id: ID!) { session(id: $id) {
  attendanceStatistics { inMeeting expectedInMeeting participants }
  attendances { nodes { user { id } presence joinedSince totalSeconds } }
} }"""


def id_of(classroom: Classroom) -> str:
    return encode(Kind.SESSION, classroom.session.id)


async def a_lost_leave() -> Classroom:
    """Three students of an hour: one's leave was lost, one left at the end, one never came."""
    classroom = await ready(3)
    lost, sure, _ = classroom.students
    await send(classroom.room.joined(classroom.stay(0, lost)), START)
    stay = classroom.stay(0, sure)
    await send(classroom.room.joined(stay), START)
    await send(classroom.room.left(stay, at(60)), at(60))
    await send(classroom.room.finished(at(61)), at(61))
    await advance_due(at(65))
    await finalise_attendance(classroom.session.id, at(65, 10))
    return classroom


async def asked_for(asker: Asker, viewer: User, wanted: bool | None) -> set[str]:
    found = payload(await asker.ask(REVIEW, viewer, now=at(70), wanted=wanted))
    return {node["user"]["id"] for node in found["nodes"]}


async def test_a_lost_leave_shows_what_is_proved_and_what_is_possible(asker: Asker) -> None:
    classroom = await a_lost_leave()
    shown = payload(await asker.ask(ROSTER, classroom.teacher, now=at(70), id=id_of(classroom)))
    assert shown["heldSeconds"] == 3600
    rows = {row.pop("user")["id"]: row for row in shown["attendances"]["nodes"]}
    lost = rows[encode(Kind.USER, classroom.student.id)]
    assert (lost["atLeastSeconds"], lost["atMostSeconds"]) == (0, 3600)
    assert lost["needsReview"] is True
    for row in rows.values():
        assert row["atLeastSeconds"] <= row["totalSeconds"] <= row["atMostSeconds"]
    never = rows[encode(Kind.USER, classroom.students[2].id)]
    assert (never["atMostSeconds"], never["needsReview"], never["status"]) == (0, False, "ABSENT")


async def test_only_rows_to_review_are_found_and_only_by_who_may_read_them(asker: Asker) -> None:
    classroom = await a_lost_leave()
    lost, _, never = classroom.students
    others = await make.user(await make.academy(), UserRole.ACADEMY_ADMIN)
    parent = await make.parent(await classroom.session.academy, lost)
    reviewed = await asked_for(asker, classroom.teacher, wanted=True)
    assert encode(Kind.USER, lost.id) in reviewed
    assert encode(Kind.USER, never.id) not in reviewed
    for viewer in (lost, parent):
        assert await asked_for(asker, viewer, wanted=True) == {encode(Kind.USER, lost.id)}
    for viewer in (never, others):
        assert await asked_for(asker, viewer, wanted=True) == set()
    rest = await asked_for(asker, classroom.teacher, wanted=False)
    assert rest.isdisjoint(reviewed)
    assert rest | reviewed == await asked_for(asker, classroom.teacher, wanted=None)
    assert {encode(Kind.USER, one.id) for one in (never, classroom.teacher)} <= rest


async def test_a_row_without_a_result_needs_no_review(asker: Asker) -> None:
    classroom = await ready(2)
    assert await MeetingAttendance.all().count() == 0
    assert await asked_for(asker, classroom.teacher, wanted=True) == set()
    assert len(await asked_for(asker, classroom.teacher, wanted=False)) == 3


async def test_the_index_of_reviews_is_used(database: Database) -> None:
    """Without it each row of every academy is looked at."""
    manager = make.viewer(await make.user(await make.academy(), UserRole.ACADEMY_ADMIN))
    rows = SessionParticipant.visible_to(manager).filter(id__in=TO_REVIEW).order_by("id").limit(21)
    rows.sql()  # builds the query
    statement, values = rows.query.get_parameterized_sql()
    inner = "SELECT participant_id FROM meeting_attendances WHERE needs_review"
    assert inner in statement
    async with atomic():
        if dialect() == "sqlite":  # Tortoise writes the parameters in this database's own way
            plan = await client().execute_query_dict(f"EXPLAIN QUERY PLAN {statement}", values)
        else:  # its planner takes no index of an empty table by itself
            await sql.execute("SET LOCAL enable_seqscan = off")
            plan = await sql.query(f"EXPLAIN {inner}")
    assert any("meeting_attendances_review" in str(dict(row)) for row in plan)


@pytest.mark.parametrize(
    ("ended_at", "expected"),
    [(40, 2400), (15, 900), (14.99, 0), (61, 3600)],
)
async def test_a_class_is_held_until_a_person_ends_it(
    asker: Asker, ended_at: float, expected: int
) -> None:
    classroom = await ready(2)
    await send(classroom.room.started(), at(-9))
    await advance_due(START)
    assert await held(asker, classroom, ended_at - 0.1) is None
    admin = await make.user(await classroom.session.academy, UserRole.ACADEMY_ADMIN)
    await change_session_status(
        make.viewer(admin), classroom.session.id, SessionStatus.COMPLETED, None, at(ended_at)
    )
    assert await held(asker, classroom, ended_at) == expected


async def test_a_class_that_nobody_could_join_or_that_is_cancelled_was_not_held(
    asker: Asker,
) -> None:
    roomless, cancelled = await ready(), await scheduled()
    await cancel_session(make.viewer(cancelled.teacher), cancelled.session.id, None, at(-20))
    assert await held(asker, cancelled, -19) is None
    await advance_due(at(65))
    assert await held(asker, roomless, 66) == 0


async def held(asker: Asker, classroom: Classroom, minutes: float) -> Any:
    answer = await asker.ask(HELD, classroom.teacher, now=at(minutes), id=id_of(classroom))
    return payload(answer)["heldSeconds"]


async def test_a_join_that_only_the_page_reports_has_its_moment(asker: Asker) -> None:
    classroom = await ready(2)
    await send(classroom.room.started(), at(-9))
    reporting, joined = classroom.students
    await report_join(make.viewer(reporting), classroom.session.id, None, at(1))
    await send(classroom.room.joined(classroom.stay(0.5, joined)), at(1))
    await send(classroom.room.joined(classroom.stay(0.5, classroom.teacher)), at(1))
    now = payload(await asker.ask(NOW, classroom.teacher, now=at(1.5), id=id_of(classroom)))
    rows = {row.pop("user")["id"]: row for row in now["attendances"]["nodes"]}
    assert rows[encode(Kind.USER, reporting.id)] == {
        "presence": "IN_MEETING",
        "joinedSince": "2026-03-02T11:01:00.000Z",
        "totalSeconds": 0,
    }
    assert rows[encode(Kind.USER, joined.id)]["joinedSince"] == "2026-03-02T11:00:30.000Z"
    numbers = {"inMeeting": 3, "expectedInMeeting": 2, "participants": 2}
    assert now["attendanceStatistics"] == numbers
    later = payload(await asker.ask(NOW, classroom.teacher, now=at(1.5), id=id_of(classroom)))
    assert later["attendanceStatistics"] == numbers
