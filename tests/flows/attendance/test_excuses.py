"""EXCUSED is said by a person, also before the class; one decision may be about many people."""

from datetime import datetime
from typing import Any

import pytest

from actions.attendance.final_result import finalise_attendance
from actions.attendance.recalculation import recalculate_session
from actions.clock.sweep import advance_due
from actions.sessions.session_cancel import cancel_session
from actions.sessions.session_reschedule import reschedule_session
from actions.sessions.session_status import change_session_status
from actions.writing.bulk import BULK_MAX_ITEMS
from domain.access import UserRole
from domain.attendance.fold import AttendanceStatus
from domain.status import SessionStatus
from models import MeetingAttendanceEvent, User
from schema.types.ids import Kind, encode
from tests.support import make
from tests.support.asking import Answer, Asker, code, payload
from tests.support.attendance_rows import as_text, state, told
from tests.support.classrooms import START, Classroom, at, ready, scheduled
from tests.support.livekit_events import Room, send

MANY = """mutation ($session: ID!, $users: [ID!]!, $status: AttendanceStatus!, $note: String!) {
  overrideAttendances(sessionId: $session, userIds: $users, status: $status, note: $note) {
    attendances { user { id } status override { note by { id } } } errors { code field message }
  }
}"""
WITHDRAW = """mutation ($session: ID!, $user: ID!) {
  withdrawAttendanceOverride(sessionId: $session, userId: $user) {
    attendance { status } errors { code }
  }
}"""
NUMBERS = """query ($id: ID!) { session(id: $id) {
  attendances(status: EXCUSED) { nodes { user { id } isFinal } }
  attendanceStatistics { expected present absent excused averagePercentage }
} }"""
EXCUSED = AttendanceStatus.EXCUSED


async def say(
    asker: Asker,
    classroom: Classroom,
    users: list[User],
    now: datetime,
    status: str = "EXCUSED",
    note: str = "A journey.",
) -> Answer:
    return await asker.ask(
        MANY,
        classroom.teacher,
        now=now,
        session=encode(Kind.SESSION, classroom.session.id),
        users=[encode(Kind.USER, user.id) for user in users],
        status=status,
        note=note,
    )


async def numbers(asker: Asker, classroom: Classroom, minutes: float) -> Any:
    sent = {"id": encode(Kind.SESSION, classroom.session.id)}
    return payload(await asker.ask(NUMBERS, classroom.teacher, now=at(minutes), **sent))


def refusals(answer: Answer) -> list[tuple[str, list[str] | None]]:
    [found] = answer["data"].values()
    return [(error["code"], error["field"]) for error in found["errors"]]


async def test_an_excuse_before_the_class_lasts_until_it_is_withdrawn(asker: Asker) -> None:
    classroom = await scheduled(2)
    excused, absent = classroom.students
    assert code(await say(asker, classroom, [excused], at(-600))) is None
    assert (await state(classroom.session.id, excused)).result.status is EXCUSED
    shown = await numbers(asker, classroom, -500)
    assert shown["attendances"]["nodes"] == [
        {"user": {"id": encode(Kind.USER, excused.id)}, "isFinal": False}
    ]
    await advance_due(at(-10))
    session = await classroom.now()
    await send(Room(session, at(-9)).started(), at(-9))
    for now in (at(0), at(65)):
        await advance_due(now)
    await finalise_attendance(session.id, at(65, 10))
    rows = await as_text()
    assert (await recalculate_session(session.id, at(90))).rows == 0
    assert await as_text() == rows
    shown = await numbers(asker, classroom, 91)
    assert shown["attendances"]["nodes"][0]["isFinal"] is True
    sums = {"expected": 2, "present": 0, "absent": 1, "excused": 1, "averagePercentage": 0.0}
    assert shown["attendanceStatistics"] == sums
    sent = {"session": encode(Kind.SESSION, session.id), "user": encode(Kind.USER, excused.id)}
    answer = payload(await asker.ask(WITHDRAW, classroom.teacher, now=at(92), **sent))
    assert answer["attendance"]["status"] == "ABSENT"
    assert (await state(session.id, absent)).result.status is AttendanceStatus.ABSENT


async def test_an_excused_student_counts_in_no_average(asker: Asker) -> None:
    classroom = await ready(2)
    excused, present = classroom.students
    await say(asker, classroom, [excused], at(-5))
    stay = classroom.stay(0, present)
    await send(classroom.room.joined(stay), START)
    await send(classroom.room.left(stay, at(60)), at(60))
    await advance_due(at(65))
    await finalise_attendance(classroom.session.id, at(65, 10))
    sums = (await numbers(asker, classroom, 70))["attendanceStatistics"]
    assert (sums["excused"], sums["present"], sums["averagePercentage"]) == (1, 1, 100.0)


async def test_a_session_whose_only_student_is_excused_is_not_absent(asker: Asker) -> None:
    classroom = await ready()
    await send(classroom.room.started(), at(-9))
    await say(asker, classroom, [classroom.student], at(-5))
    await advance_due(at(65))
    await finalise_attendance(classroom.session.id, at(65, 10))
    assert (await classroom.now()).status is SessionStatus.COMPLETED
    sent = {
        "session": encode(Kind.SESSION, classroom.session.id),
        "user": encode(Kind.USER, classroom.student.id),
    }
    payload(await asker.ask(WITHDRAW, classroom.teacher, now=at(70), **sent))
    assert (await classroom.now()).status is SessionStatus.ABSENT


async def test_an_excuse_stays_when_the_class_is_moved(asker: Asker) -> None:
    classroom = await scheduled(2)
    await say(asker, classroom, [classroom.student], at(-600))
    moved = at(60 * 24 * 3)
    await reschedule_session(
        make.viewer(classroom.teacher), classroom.session.id, moved, None, at(-500)
    )
    await recalculate_session(classroom.session.id, at(-400))
    assert (await state(classroom.session.id, classroom.student)).result.status is EXCUSED


@pytest.mark.parametrize("status", ["PRESENT", "LATE", "PARTIAL", "ABSENT"])
async def test_a_class_that_has_not_begun_is_not_judged(asker: Asker, status: str) -> None:
    classroom = await ready(2)
    early = await say(asker, classroom, classroom.students, at(0, -1), status)
    assert refusals(early) == [("WRONG_STATUS", None)]
    assert await MeetingAttendanceEvent.all().count() == 0
    assert code(await say(asker, classroom, classroom.students, at(0), status)) is None


async def test_a_class_that_began_or_ended_early_is_judged(asker: Asker) -> None:
    classroom = await ready(2)
    admin = make.viewer(await make.user(await classroom.session.academy, UserRole.ACADEMY_ADMIN))
    for to, minutes in ((SessionStatus.ONGOING, -5), (SessionStatus.COMPLETED, -3)):
        await change_session_status(admin, classroom.session.id, to, None, at(minutes))
        answer = await say(asker, classroom, classroom.students, at(minutes), "PRESENT", f"{to}")
        assert code(answer) is None


async def test_a_class_that_did_not_take_place_may_be_judged_but_no_cancelled_one(
    asker: Asker,
) -> None:
    classroom, cancelled = await ready(2), await ready(2)
    await cancel_session(make.viewer(cancelled.teacher), cancelled.session.id, None, at(-5))
    admin = make.viewer(await make.user(await classroom.session.academy, UserRole.ACADEMY_ADMIN))
    await advance_due(START)
    await change_session_status(admin, classroom.session.id, SessionStatus.COMPLETED, None, at(5))
    await finalise_attendance(classroom.session.id, at(5, 10))
    assert (await state(classroom.session.id, classroom.student)).result.status is None
    assert code(await say(asker, classroom, classroom.students, at(6), "PRESENT")) is None
    for status in ("PRESENT", "EXCUSED"):
        answer = await say(asker, cancelled, cancelled.students, at(6), status)
        assert code(answer) == "WRONG_STATUS"


async def test_one_decision_for_many_is_answered_in_the_order_given(asker: Asker) -> None:
    classroom = await ready(3)
    one, two, three = classroom.students
    for _ in range(2):  # the answer to a first call may have been lost
        found = payload(await say(asker, classroom, [three, one, three], at(1), "LATE"))
        assert found["attendances"] == [
            {
                "user": {"id": encode(Kind.USER, user.id)},
                "status": "LATE",
                "override": {
                    "note": "A journey.",
                    "by": {"id": encode(Kind.USER, classroom.teacher.id)},
                },
            }
            for user in (three, one)
        ]
    assert await MeetingAttendanceEvent.filter(kind="OVERRIDE").count() == 2
    assert (await state(classroom.session.id, two)).result.status is None
    said = [event for _, event in await told(classroom.session.id) if event.get("override")]
    assert len(said) == 2


async def test_one_who_cannot_be_judged_keeps_all_from_being(asker: Asker) -> None:
    classroom = await ready(2)
    stranger = await make.student(await classroom.session.academy)
    users = [classroom.students[0], stranger, classroom.teacher, stranger]
    answer = await say(asker, classroom, users, at(1))
    assert refusals(answer) == [
        ("NOT_FOUND", ["userIds", "1"]),
        ("INVALID_INPUT", ["userIds", "2"]),
    ]
    assert await MeetingAttendanceEvent.all().count() == 0


async def test_a_decision_is_about_1_to_500_people_and_has_a_reason(asker: Asker) -> None:
    classroom = await ready(2)
    for users in ([], [classroom.student] * (BULK_MAX_ITEMS + 1)):
        assert refusals(await say(asker, classroom, users, at(1))) == [
            ("INVALID_INPUT", ["userIds"])
        ]
    whole = [classroom.student] * BULK_MAX_ITEMS
    assert code(await say(asker, classroom, whole, at(1))) is None
    answer = await say(asker, classroom, [classroom.student], at(1), note=" ")
    assert refusals(answer) == [("INVALID_INPUT", ["note"])]
