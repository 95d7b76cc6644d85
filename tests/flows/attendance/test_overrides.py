"""What a teacher says of an attendance: with their name, for as long as they say so."""

from datetime import datetime
from typing import Any

import pytest

from actions.attendance.final_result import finalise_attendance
from actions.attendance.recalculation import recalculate_session
from actions.clock.sweep import advance_due
from actions.sessions.session_cancel import cancel_session
from domain.access import UserRole
from domain.attendance.fold import AttendanceStatus, EventKind
from domain.status import SessionStatus
from models import MeetingAttendanceEvent, SessionParticipant, User
from schema.types.ids import Kind, encode
from tests.support import make
from tests.support.asking import Asker, code, payload
from tests.support.attendance_rows import as_text, state, stream, told
from tests.support.lessons import START, Lesson, at, ready
from tests.support.livekit_events import send

ANSWER = (
    "{ attendance { status isFinal override { status note at by { id } } } errors { code field } }"
)
OVERRIDE = f"""mutation ($session: ID!, $user: ID!, $status: AttendanceStatus!, $note: String!) {{
  overrideAttendance(sessionId: $session, userId: $user, status: $status, note: $note) {ANSWER}
}}"""
WITHDRAW = f"""mutation ($session: ID!, $user: ID!) {{
  withdrawAttendanceOverride(sessionId: $session, userId: $user) {ANSWER}
}}"""
READ = """query ($session: ID!, $user: ID!) {
  attendance(sessionId: $session, userId: $user) { status override { note by { id } } }
}"""
STATISTICS = """query ($id: ID!) {
  session(id: $id) { attendanceStatistics { present late partial absent } }
}"""


async def say(
    asker: Asker,
    lesson: Lesson,
    status: str | None,
    now: datetime,
    *,
    note: str = "I saw it.",
    user: User | None = None,
    as_: User | None = None,
) -> Any:
    sent: dict[str, str] = {
        "session": encode(Kind.SESSION, lesson.session.id),
        "user": encode(Kind.USER, (user or lesson.student).id),
    }
    if status:
        sent |= {"status": status, "note": note}
    document = OVERRIDE if status else WITHDRAW
    return await asker.ask(document, as_ or lesson.teacher, now=now, **sent)


async def absent() -> Lesson:
    """A private lesson whose student could have come, and did not."""
    lesson = await ready()
    await send(lesson.room.started(), at(-8))
    await advance_due(at(65))
    await finalise_attendance(lesson.session.id, at(65, 10))
    assert (await lesson.now()).status is SessionStatus.ABSENT
    return lesson


async def test_an_override_shows_at_once_with_its_author_and_its_reason(asker: Asker) -> None:
    lesson = await ready()
    shown = payload(await say(asker, lesson, "LATE", at(5), note="  The bus. "))["attendance"]
    assert shown == {
        "status": "LATE",
        "isFinal": False,
        "override": {
            "status": "LATE",
            "note": "The bus.",
            "at": "2026-03-02T11:05:00.000Z",
            "by": {"id": encode(Kind.USER, lesson.teacher.id)},
        },
    }
    kind, event = (await told(lesson.session.id))[-1]
    assert (kind, event["status"], event["override"]["note"]) == (
        "PRESENCE_CHANGED",
        "LATE",
        "The bus.",
    )


async def test_the_same_again_adds_nothing_and_another_replaces_it(asker: Asker) -> None:
    lesson = await ready()
    for _ in range(2):
        await say(asker, lesson, "LATE", at(5))
    assert await MeetingAttendanceEvent.filter(kind=EventKind.OVERRIDE).count() == 1
    await say(asker, lesson, "PRESENT", at(5))  # in the same millisecond
    found = await state(lesson.session.id, lesson.student)
    assert found.result.status is AttendanceStatus.PRESENT
    await say(asker, lesson, None, at(5))
    found = await state(lesson.session.id, lesson.student)
    assert (found.result.status, found.result.override) == (None, None)
    version = (await lesson.now()).version
    assert payload(await say(asker, lesson, None, at(6)))["attendance"]["override"] is None
    assert (await lesson.now()).version == version == len(await stream(lesson.session.id))


async def test_the_final_result_and_every_recalculation_keep_it(asker: Asker) -> None:
    lesson = await ready(students=2)
    await say(asker, lesson, "PRESENT", at(5))
    await advance_due(at(65))
    await finalise_attendance(lesson.session.id, at(65, 10))
    rows = await as_text()
    await recalculate_session(lesson.session.id, at(99))
    await send(lesson.room.joined(lesson.stay(55)), at(100))
    assert rows != await as_text()
    found = await state(lesson.session.id, lesson.student)
    assert (found.result.status, found.is_final) == (AttendanceStatus.PRESENT, True)
    sent = {"id": encode(Kind.SESSION, lesson.session.id)}
    numbers = payload(await asker.ask(STATISTICS, lesson.teacher, now=at(101), **sent))
    assert numbers["attendanceStatistics"] == {"present": 1, "late": 0, "partial": 0, "absent": 1}


async def test_it_brings_an_absent_lesson_back_and_its_withdrawal_takes_it_away(
    asker: Asker,
) -> None:
    lesson = await absent()
    await say(asker, lesson, "PARTIAL", at(70))
    assert (await lesson.now()).status is SessionStatus.COMPLETED
    assert (await told(lesson.session.id))[-1][1]["cause"] == "ATTENDANCE"
    await say(asker, lesson, None, at(71))
    assert (await lesson.now()).status is SessionStatus.ABSENT
    await say(asker, lesson, "ABSENT", at(72))
    assert (await lesson.now()).status is SessionStatus.ABSENT


async def test_an_absence_that_is_only_said_is_no_absent_session(asker: Asker) -> None:
    """It is ABSENT while the student has no stay; and where nobody could come, never."""
    came = await ready()
    await send(came.room.joined(came.stay(0)), START)
    closed = await ready()
    for lesson in (came, closed):
        await say(asker, lesson, "ABSENT", at(5))
        await advance_due(at(65))
        await finalise_attendance(lesson.session.id, at(65, 10))
        assert (await lesson.now()).status is SessionStatus.COMPLETED
        found = await state(lesson.session.id, lesson.student)
        assert found.result.status is AttendanceStatus.ABSENT


async def test_a_cancelled_session_has_no_attendance(asker: Asker) -> None:
    lesson = await ready()
    admin = await make.user(await lesson.session.academy, UserRole.ACADEMY_ADMIN)
    await cancel_session(make.viewer(admin), lesson.session.id, None, at(-5))
    assert code(await say(asker, lesson, "LATE", at(5))) == "WRONG_STATUS"
    assert payload(await say(asker, lesson, None, at(5)))["attendance"]["override"] is None


@pytest.mark.parametrize(
    ("note", "expected"),
    [(" \n", "INVALID_INPUT"), ("x" * 2001, "INVALID_INPUT"), ("ن" * 2000, None)],
)
async def test_a_note_says_something(asker: Asker, note: str, expected: str | None) -> None:
    lesson = await ready()
    answer = await say(asker, lesson, "LATE", at(5), note=note)
    assert code(answer) == expected
    found = await MeetingAttendanceEvent.filter(kind=EventKind.OVERRIDE).count()
    assert found == (0 if expected else 1)


async def test_a_note_that_no_database_could_store_is_refused(asker: Asker) -> None:
    lesson = await ready()
    for note in ("\0", "\ud800"):
        answer = await say(asker, lesson, "LATE", at(5), note=f"bus{note}")
        assert code(answer) in ("INVALID_INPUT", "GRAPHQL_VALIDATION_FAILED")


async def test_who_was_not_expected_has_no_status(asker: Asker) -> None:
    lesson = await ready()
    await send(lesson.room.joined(lesson.stay(0, lesson.teacher)), START)
    admin = await make.user(await lesson.session.academy, UserRole.ACADEMY_ADMIN)
    answer = await say(asker, lesson, "LATE", at(5), user=lesson.teacher, as_=admin)
    assert payload_errors(answer) == [("INVALID_INPUT", ["userId"])]
    answer = await say(asker, lesson, "LATE", at(5), user=admin)
    assert payload_errors(answer) == [("NOT_FOUND", ["userId"])]


def payload_errors(answer: Any) -> list[tuple[str, list[str]]]:
    [found] = answer["data"].values()
    return [(error["code"], error["field"]) for error in found["errors"]]


async def test_the_person_and_their_parents_read_what_is_said_of_them(asker: Asker) -> None:
    lesson = await ready()
    parent = await make.parent(await lesson.session.academy, lesson.student)
    await say(asker, lesson, "LATE", at(5))
    sent = {
        "session": encode(Kind.SESSION, lesson.session.id),
        "user": encode(Kind.USER, lesson.student.id),
    }
    for reader in (lesson.student, parent):
        read = payload(await asker.ask(READ, reader, now=at(6), **sent))
        assert read["status"] == "LATE"
        assert read["override"]["note"] == "I saw it."


async def test_a_clock_that_is_behind_withdraws_all_the_same(asker: Asker) -> None:
    lesson = await ready()
    await say(asker, lesson, "PRESENT", at(10))
    await say(asker, lesson, None, at(9, 59.9))
    found = await state(lesson.session.id, lesson.student)
    assert (found.result.status, found.result.override) == (None, None)
    await say(asker, lesson, "LATE", at(9, 59.95))
    assert (await state(lesson.session.id, lesson.student)).result.status is AttendanceStatus.LATE


async def test_it_can_be_withdrawn_in_a_session_that_was_cancelled_since(asker: Asker) -> None:
    lesson = await ready()
    await say(asker, lesson, "PRESENT", at(-5))
    await cancel_session(make.viewer(lesson.teacher), lesson.session.id, None, at(-4))
    assert code(await say(asker, lesson, "LATE", at(-3))) == "WRONG_STATUS"
    assert payload(await say(asker, lesson, None, at(-3)))["attendance"]["override"] is None
    assert (await state(lesson.session.id, lesson.student)).result.status is None


async def test_who_is_not_expected_any_more_has_no_status_by_an_override(asker: Asker) -> None:
    lesson = await ready(students=2)
    await say(asker, lesson, "PRESENT", at(-9))
    await SessionParticipant.filter(user=lesson.student).update(is_expected=False)
    await advance_due(at(65))
    await finalise_attendance(lesson.session.id, at(65, 10))
    found = await state(lesson.session.id, lesson.student)
    assert (found.is_final, found.result.status, found.result.override) == (True, None, None)
