"""The final result: its statuses, the people without one, and what may still change it."""

from datetime import timedelta

import pytest

from actions.attendance.final_result import finalise_attendance
from actions.attendance.recalculation import recalculate_session
from actions.clock.sweep import advance_due
from actions.sessions.session_status import change_session_status
from domain.access import UserRole
from domain.attendance.fold import AttendanceStatus, Presence
from domain.attendance.state import statistics, to_ms
from domain.session import WorkKind
from domain.status import SessionStatus
from models import DueWork, MeetingAttendance, MeetingAttendanceEvent, Session
from models.reading.attendance_log import window_of
from tests.conftest import Database
from tests.support import make
from tests.support.attendance_rows import as_text, state, states, told
from tests.support.classrooms import START, Classroom, at, ready, scheduled
from tests.support.livekit_events import Room, send

MINUTE = 60_000
OVER = at(65)  # an hour, and five minutes for those who stay
GRACE = timedelta(seconds=10)
ABSENT, PARTIAL = AttendanceStatus.ABSENT, AttendanceStatus.PARTIAL
LATE, PRESENT = AttendanceStatus.LATE, AttendanceStatus.PRESENT


async def end(classroom: Classroom) -> Session:
    await advance_due(OVER)
    await finalise_attendance(classroom.session.id, OVER + GRACE)
    return await classroom.now()


async def visit(classroom: Classroom, since: float, until: float, student: int = 0) -> None:
    stay = classroom.stay(since, classroom.students[student])
    await send(classroom.room.joined(stay), at(since))
    await send(classroom.room.left(stay, at(until)), at(until))


@pytest.mark.parametrize(
    ("since", "until", "status"),
    [
        (0, 60, PRESENT),
        (-5, 60, PRESENT),
        (12, 60, PRESENT),  # 80 %, and inside the grace
        (12.01, 60, PARTIAL),
        (15, 62, PARTIAL),
        (-10, 18, PARTIAL),  # 30 % of what counts
        (-10, 17.99, ABSENT),
        (50, 65, ABSENT),  # overtime does not count
    ],
)
async def test_the_policy_decides(
    database: Database, since: float, until: float, status: AttendanceStatus
) -> None:
    classroom = await ready(2)
    await visit(classroom, since, until)
    await end(classroom)
    found = await states(classroom.session.id)
    assert found[classroom.students[0].id].result.status is status
    assert found[classroom.students[1].id].result.status is ABSENT
    assert found[classroom.teacher.id].result.status is None


@pytest.mark.parametrize(("since", "status"), [(10, PRESENT), (10.01, LATE)])
async def test_a_student_is_late_who_first_joins_after_the_academys_minutes(
    database: Database, since: float, status: AttendanceStatus
) -> None:
    classroom = await ready(2, late_after_minutes=10)
    await visit(classroom, since, 60)
    await end(classroom)
    assert (await state(classroom.session.id, classroom.student)).result.status is status


async def test_no_row_has_a_status_before_the_final_result_and_everybody_has_a_row_after(
    database: Database,
) -> None:
    classroom = await ready(3)
    await visit(classroom, 1, 40)
    await advance_due(OVER)
    assert {row.result.status for row in (await states(classroom.session.id)).values()} == {None}
    assert await MeetingAttendance.all().count() == 1
    session = await end(classroom)
    rows = await states(session.id)
    assert [row.is_final for row in rows.values()] == [True] * 4
    assert {row.calculated_ms for row in rows.values()} == {to_ms(OVER + GRACE)}
    assert await MeetingAttendance.all().count() == 4
    assert session.status is SessionStatus.COMPLETED


async def test_an_open_stay_ends_with_the_session(database: Database) -> None:
    classroom = await ready(2)
    await send(classroom.room.joined(classroom.stay(1)), at(1))
    await advance_due(OVER)
    found = await state(classroom.session.id, classroom.student)
    assert (found.result.presence, found.result.last_left_ms) == (Presence.LEFT, to_ms(OVER))
    assert found.result.closed_ms == 59 * MINUTE


async def test_the_final_result_is_planned_ten_seconds_after_the_end_and_happens_once(
    database: Database,
) -> None:
    classroom = await ready(2)
    await advance_due(OVER)
    [work] = await DueWork.filter(kind=WorkKind.FINALISE_ATTENDANCE)
    assert (work.subject, work.due_at) == (classroom.session.id, OVER + GRACE)
    session = await end(classroom)
    rows = await as_text()
    await finalise_attendance(session.id, OVER + timedelta(minutes=1))
    assert await as_text() == rows
    assert (await classroom.now()).version == session.version


async def test_an_unfinished_or_cancelled_session_has_no_final_result(database: Database) -> None:
    classroom, cancelled = await ready(2), await ready(2)
    admin = make.viewer(await make.user(await cancelled.session.academy, UserRole.ACADEMY_ADMIN))
    await change_session_status(admin, cancelled.session.id, SessionStatus.CANCELLED, None, at(-5))
    for session in (classroom.session, cancelled.session):
        await finalise_attendance(session.id, OVER)
        assert (await Session.get(id=session.id)).finalised_at is None
    assert await MeetingAttendance.all().count() == 0


async def test_a_private_session_whose_student_never_came_is_absent_because_of_it(
    database: Database,
) -> None:
    classroom = await ready()
    await send(classroom.room.started(), at(-9))
    await send(classroom.room.joined(classroom.stay(0, classroom.teacher)), START)
    session = await end(classroom)
    assert session.status is SessionStatus.ABSENT
    kind, why = (await told(session.id))[-1]
    assert (kind, why["from"], why["to"]) == ("STATUS_CHANGED", "COMPLETED", "ABSENT")
    assert why["cause"] == "ATTENDANCE"
    assert (await state(session.id, classroom.student)).result.status is ABSENT
    assert (session.ended_at, session.next_transition_at) == (OVER, None)


async def test_a_private_session_whose_student_looked_in_is_completed(database: Database) -> None:
    classroom = await ready()
    await visit(classroom, 5, 6)
    assert (await end(classroom)).status is SessionStatus.COMPLETED
    assert (await state(classroom.session.id, classroom.student)).result.status is ABSENT


async def test_nobody_is_absent_where_the_room_was_never_there(database: Database) -> None:
    classroom = await ready()
    session = await end(classroom)
    assert (session.status, session.was_joinable) == (SessionStatus.COMPLETED, False)
    found = await state(session.id, classroom.student)
    assert (found.result.status, found.is_final) == (None, True)


async def test_nobody_is_absent_where_the_session_never_opened_in_its_time(
    database: Database,
) -> None:
    classroom = await scheduled()
    session = await end(classroom)
    assert session.status is SessionStatus.COMPLETED
    assert (await state(session.id, classroom.student)).result.status is None
    await send(Room(session, at(-9)).started(), at(70))  # a room that came after the session
    assert (await state(session.id, classroom.student)).result.status is None


@pytest.mark.parametrize("is_known", [False, True])
async def test_a_room_that_is_told_of_late_was_there_all_the_same(
    database: Database, is_known: bool
) -> None:
    classroom = await ready(2)
    session = await end(classroom)
    if is_known:  # LiveKit's API answered too late
        room = {"room_sid": classroom.room.sid, "room_created_ms": to_ms(classroom.room.made_at)}
        await Session.filter(id=session.id).update(**room, room_first_ready_at=at(62))
    await visit_told_late(classroom)
    rows = await states(session.id)
    assert rows[classroom.students[0].id].result.status is PRESENT
    # The second student could have come, as the first did.
    assert rows[classroom.students[1].id].result.status is ABSENT


async def visit_told_late(classroom: Classroom) -> None:
    await send(classroom.room.left(classroom.stay(1), at(60)), at(90))


async def test_a_stay_that_turns_up_makes_an_absent_session_completed(database: Database) -> None:
    classroom = await ready()
    await send(classroom.room.started(), at(-9))
    session = await end(classroom)
    assert session.status is SessionStatus.ABSENT
    await visit_told_late(classroom)
    after = await classroom.now()
    assert after.status is SessionStatus.COMPLETED
    presence, moved = await told(session.id, after=session.version)
    assert (presence[0], presence[1]["status"], presence[1]["is_final"]) == (
        "PRESENCE_CHANGED",
        "PRESENT",
        True,
    )
    assert moved[1]["cause"] == "ATTENDANCE"
    found = await state(session.id, classroom.student)
    assert (found.calculated_ms, found.result.closed_ms) == (to_ms(at(90)), 59 * MINUTE)
    assert (after.finalised_at, after.ended_at) == (session.finalised_at, session.ended_at)


async def test_a_late_event_is_told_even_where_it_changes_only_when_it_was_calculated(
    database: Database,
) -> None:
    classroom = await ready(2)
    await visit(classroom, 0, 30)
    session = await end(classroom)
    stay = classroom.stay(10)
    await send(classroom.room.left(stay, at(20)), at(70))
    [(kind, presence)] = await told(session.id, after=session.version)
    assert (kind, presence["calculated_ms"]) == ("PRESENCE_CHANGED", to_ms(at(70)))
    assert (presence["status"], presence["is_final"]) == ("PARTIAL", True)


async def test_events_a_day_after_the_session_are_stored_and_change_no_row(
    database: Database,
) -> None:
    classroom = await ready(2)
    await visit(classroom, 0, 60)
    session = await end(classroom)
    rows, days = await as_text(), 24 * 60
    visitor = await make.student(await session.academy)
    for who in (classroom.students[1], visitor):
        await send(classroom.room.joined(classroom.stay(days + 61, who)), at(days + 61))
    await send(classroom.room.finished(at(days + 61)), at(days + 61))
    assert await as_text() == rows
    assert (await classroom.now()).version == session.version
    assert await MeetingAttendanceEvent.filter(session_id=session.id).count() == 2 + 1 + 3
    await recalculate_session(session.id, at(days + 70))
    assert await as_text() == rows
    assert (await classroom.now()).version == session.version


async def test_only_those_expected_are_in_the_statistics(database: Database) -> None:
    classroom = await ready(2)
    academy = await classroom.session.academy
    parent, visitor = await make.parent(academy, classroom.student), await make.student(academy)
    await visit(classroom, 0, 60)
    for who in (classroom.teacher, parent, visitor):
        await send(classroom.room.left(classroom.stay(0, who), at(30)), at(30))
    session = await end(classroom)
    rows = await states(session.id)
    assert len(rows) == 5
    window = window_of(session)
    found = statistics(rows.values(), window, to_ms(OVER))
    assert (found.expected, found.participants, found.in_meeting) == (2, 4, 0)
    assert (found.present, found.late, found.partial, found.absent) == (1, 0, 0, 1)
    assert (found.average_percentage, found.total_ms) == (50.0, 60 * MINUTE)
