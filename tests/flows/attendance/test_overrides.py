"""A teacher overrides an attendance: it bears their name, and lasts until they withdraw it."""

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
from tests.support.asking import Answer, Asker, code, payload
from tests.support.attendance_rows import as_text, state, stream, told
from tests.support.classrooms import START, Classroom, at, ready
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
    classroom: Classroom,
    status: str | None,
    now: datetime,
    *,
    note: str = "I saw it.",
    user: User | None = None,
    as_: User | None = None,
) -> Any:
    sent: dict[str, str] = {
        "session": encode(Kind.SESSION, classroom.session.id),
        "user": encode(Kind.USER, (user or classroom.student).id),
    }
    if status:
        sent |= {"status": status, "note": note}
    document = OVERRIDE if status else WITHDRAW
    return await asker.ask(document, as_ or classroom.teacher, now=now, **sent)


async def absent() -> Classroom:
    """A private session that is ABSENT: its student could have come, and did not."""
    classroom = await ready()
    await send(classroom.room.started(), at(-8))
    await advance_due(at(65))
    await finalise_attendance(classroom.session.id, at(65, 10))
    assert (await classroom.now()).status is SessionStatus.ABSENT
    return classroom


async def test_an_override_shows_at_once_with_its_author_and_its_reason(asker: Asker) -> None:
    classroom = await ready()
    shown = payload(await say(asker, classroom, "LATE", at(5), note="  The bus. "))["attendance"]
    assert shown == {
        "status": "LATE",
        "isFinal": False,
        "override": {
            "status": "LATE",
            "note": "The bus.",
            "at": "2026-03-02T11:05:00.000Z",
            "by": {"id": encode(Kind.USER, classroom.teacher.id)},
        },
    }
    kind, event = (await told(classroom.session.id))[-1]
    assert (kind, event["status"], event["override"]["note"]) == (
        "PRESENCE_CHANGED",
        "LATE",
        "The bus.",
    )


async def test_an_equal_override_adds_nothing_and_another_replaces_it(asker: Asker) -> None:
    classroom = await ready()
    for _ in range(2):
        await say(asker, classroom, "LATE", at(5))
    assert await MeetingAttendanceEvent.filter(kind=EventKind.OVERRIDE).count() == 1
    await say(asker, classroom, "PRESENT", at(5))  # in the same millisecond
    found = await state(classroom.session.id, classroom.student)
    assert found.result.status is AttendanceStatus.PRESENT
    await say(asker, classroom, None, at(5))
    found = await state(classroom.session.id, classroom.student)
    assert (found.result.status, found.result.override) == (None, None)
    version = (await classroom.now()).version
    assert payload(await say(asker, classroom, None, at(6)))["attendance"]["override"] is None
    assert (await classroom.now()).version == version == len(await stream(classroom.session.id))


async def test_the_final_result_and_every_recalculation_keep_it(asker: Asker) -> None:
    classroom = await ready(students=2)
    await say(asker, classroom, "PRESENT", at(5))
    await advance_due(at(65))
    await finalise_attendance(classroom.session.id, at(65, 10))
    rows = await as_text()
    await recalculate_session(classroom.session.id, at(99))
    await send(classroom.room.joined(classroom.stay(55)), at(100))
    assert rows != await as_text()
    found = await state(classroom.session.id, classroom.student)
    assert (found.result.status, found.is_final) == (AttendanceStatus.PRESENT, True)
    sent = {"id": encode(Kind.SESSION, classroom.session.id)}
    numbers = payload(await asker.ask(STATISTICS, classroom.teacher, now=at(101), **sent))
    assert numbers["attendanceStatistics"] == {"present": 1, "late": 0, "partial": 0, "absent": 1}


async def test_an_override_makes_an_absent_session_completed_and_its_withdrawal_absent(
    asker: Asker,
) -> None:
    classroom = await absent()
    await say(asker, classroom, "PARTIAL", at(70))
    assert (await classroom.now()).status is SessionStatus.COMPLETED
    assert (await told(classroom.session.id))[-1][1]["cause"] == "ATTENDANCE"
    await say(asker, classroom, None, at(71))
    assert (await classroom.now()).status is SessionStatus.ABSENT
    await say(asker, classroom, "ABSENT", at(72))
    assert (await classroom.now()).status is SessionStatus.ABSENT


async def test_an_absence_that_is_only_said_is_no_absent_session(asker: Asker) -> None:
    """A session is ABSENT while its student has no stay, and never where nobody could join."""
    came = await ready()
    await send(came.room.joined(came.stay(0)), START)
    closed = await ready()
    for classroom in (came, closed):
        await say(asker, classroom, "ABSENT", at(5))
        await advance_due(at(65))
        await finalise_attendance(classroom.session.id, at(65, 10))
        assert (await classroom.now()).status is SessionStatus.COMPLETED
        found = await state(classroom.session.id, classroom.student)
        assert found.result.status is AttendanceStatus.ABSENT


async def test_a_cancelled_session_has_no_attendance(asker: Asker) -> None:
    classroom = await ready()
    admin = await make.user(await classroom.session.academy, UserRole.ACADEMY_ADMIN)
    await cancel_session(make.viewer(admin), classroom.session.id, None, at(-5))
    assert code(await say(asker, classroom, "LATE", at(5))) == "WRONG_STATUS"
    assert payload(await say(asker, classroom, None, at(5)))["attendance"]["override"] is None


@pytest.mark.parametrize(
    ("note", "expected"),
    [(" \n", "INVALID_INPUT"), ("x" * 2001, "INVALID_INPUT"), ("ن" * 2000, None)],
)
async def test_a_note_says_something(asker: Asker, note: str, expected: str | None) -> None:
    classroom = await ready()
    answer = await say(asker, classroom, "LATE", at(5), note=note)
    assert code(answer) == expected
    found = await MeetingAttendanceEvent.filter(kind=EventKind.OVERRIDE).count()
    assert found == (0 if expected else 1)


async def test_a_note_that_no_database_could_store_is_refused(asker: Asker) -> None:
    classroom = await ready()
    for note in ("\0", "\ud800"):
        answer = await say(asker, classroom, "LATE", at(5), note=f"bus{note}")
        assert code(answer) in ("INVALID_INPUT", "GRAPHQL_VALIDATION_FAILED")


async def test_only_an_expected_participant_can_be_given_a_status(asker: Asker) -> None:
    classroom = await ready()
    await send(classroom.room.joined(classroom.stay(0, classroom.teacher)), START)
    admin = await make.user(await classroom.session.academy, UserRole.ACADEMY_ADMIN)
    answer = await say(asker, classroom, "LATE", at(5), user=classroom.teacher, as_=admin)
    assert payload_errors(answer) == [("INVALID_INPUT", ["userId"])]
    answer = await say(asker, classroom, "LATE", at(5), user=admin)
    assert payload_errors(answer) == [("NOT_FOUND", ["userId"])]


def payload_errors(answer: Answer) -> list[tuple[str, list[str]]]:
    [found] = answer["data"].values()
    return [(error["code"], error["field"]) for error in found["errors"]]


async def test_the_person_and_their_parents_read_what_is_said_of_them(asker: Asker) -> None:
    classroom = await ready()
    parent = await make.parent(await classroom.session.academy, classroom.student)
    await say(asker, classroom, "LATE", at(5))
    sent = {
        "session": encode(Kind.SESSION, classroom.session.id),
        "user": encode(Kind.USER, classroom.student.id),
    }
    for reader in (classroom.student, parent):
        read = payload(await asker.ask(READ, reader, now=at(6), **sent))
        assert read["status"] == "LATE"
        assert read["override"]["note"] == "I saw it."


async def test_a_clock_that_is_behind_withdraws_all_the_same(asker: Asker) -> None:
    classroom = await ready()
    await say(asker, classroom, "PRESENT", at(10))
    await say(asker, classroom, None, at(9, 59.9))
    found = await state(classroom.session.id, classroom.student)
    assert (found.result.status, found.result.override) == (None, None)
    await say(asker, classroom, "LATE", at(9, 59.95))
    assert (
        await state(classroom.session.id, classroom.student)
    ).result.status is AttendanceStatus.LATE


async def test_an_override_can_be_withdrawn_after_the_session_is_cancelled(asker: Asker) -> None:
    classroom = await ready()
    await say(asker, classroom, "EXCUSED", at(-5))
    await cancel_session(make.viewer(classroom.teacher), classroom.session.id, None, at(-4))
    assert code(await say(asker, classroom, "LATE", at(-3))) == "WRONG_STATUS"
    assert payload(await say(asker, classroom, None, at(-3)))["attendance"]["override"] is None
    assert (await state(classroom.session.id, classroom.student)).result.status is None


async def test_an_override_of_a_student_no_longer_expected_gives_no_status(asker: Asker) -> None:
    classroom = await ready(students=2)
    await say(asker, classroom, "PRESENT", at(1))
    await SessionParticipant.filter(user=classroom.student).update(is_expected=False)
    await advance_due(at(65))
    await finalise_attendance(classroom.session.id, at(65, 10))
    found = await state(classroom.session.id, classroom.student)
    assert (found.is_final, found.result.status, found.result.override) == (True, None, None)
