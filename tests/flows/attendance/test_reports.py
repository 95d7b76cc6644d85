"""A page's report is on every screen at once, and on no record until LiveKit confirms it."""

from datetime import datetime
from typing import Any

import pytest

from actions.attendance.final_result import finalise_attendance
from actions.attendance.recalculation import recalculate_session
from actions.attendance.reports import expire_report
from actions.clock.sweep import advance_due
from actions.sessions.session_cancel import cancel_session
from actions.writing.due_work import claim_due
from domain.access import UserRole
from domain.attendance.fold import (
    AttendanceStatus,
    CycleEnd,
    CycleStart,
    EventKind,
    EventSource,
    Presence,
)
from domain.attendance.state import AttendanceState
from domain.session import WorkKind
from domain.status import SessionStatus
from models import DueWork, MeetingAttendanceEvent, SessionParticipant, User
from schema.types.ids import Kind, encode
from tests.support import make
from tests.support.asking import Asker, code, payload
from tests.support.attendance_rows import as_text, state, stream, told, visits
from tests.support.classrooms import START, Classroom, at, ready, scheduled
from tests.support.livekit_events import send

ANSWER = """{
  attendance { presence joinedSince joinCount totalSeconds confidence cycles { openedBy } }
  errors { code field }
}"""
JOIN = "mutation ($id: ID!, $sid: String) { reportJoin(sessionId: $id, participantSid: $sid) %s }"
LEAVE = "mutation ($id: ID!, $sid: String) { reportLeave(sessionId: $id, participantSid: $sid) %s }"
MINUTE = 60_000


async def report(
    asker: Asker,
    classroom: Classroom,
    now: datetime,
    what: str = JOIN,
    *,
    as_: User | None = None,
    sid: str | None = None,
) -> Any:
    sent = {"id": encode(Kind.SESSION, classroom.session.id), "sid": sid}
    return await asker.ask(what % ANSWER, as_ or classroom.student, now=now, **sent)


async def row(classroom: Classroom, user: User | None = None) -> AttendanceState:
    return await state(classroom.session.id, user or classroom.student)


async def lines() -> list[EventKind]:
    return [line.kind for line in await MeetingAttendanceEvent.all().order_by("id")]


async def expire(now: datetime) -> None:
    for claim in await claim_due(now, kinds=[WorkKind.EXPIRE_REPORT]):
        await expire_report(claim.subject, now)


@pytest.mark.parametrize("sid", [None, "PA_mine"])
async def test_a_report_shows_at_once_and_starts_nothing(asker: Asker, sid: str | None) -> None:
    classroom = await ready()
    shown = payload(await report(asker, classroom, at(-5), sid=sid))["attendance"]
    assert shown == {
        "presence": "IN_MEETING",
        "joinedSince": "2026-03-02T10:55:00.000Z",
        "joinCount": 0,
        "totalSeconds": 0,
        "confidence": "REPORTED",
        "cycles": [{"openedBy": "CLIENT_REPORT"}],
    }
    session = await classroom.now()
    assert session.status is SessionStatus.READY
    kind, event = (await told(session.id))[-1]
    assert (kind, event["presence"]) == ("PRESENCE_CHANGED", "IN_MEETING")


async def test_a_second_report_adds_nothing(asker: Asker) -> None:
    classroom = await ready()
    await report(asker, classroom, at(1))
    version = (await classroom.now()).version
    again = payload(await report(asker, classroom, at(1, 30), sid="PA_other"))["attendance"]
    assert again["presence"] == "IN_MEETING"
    assert await lines() == [EventKind.JOINED]
    assert (await classroom.now()).version == version


@pytest.mark.parametrize("sid_is_told", [True, False])
@pytest.mark.parametrize("webhook_first", [True, False])
async def test_the_webhook_and_the_report_are_one_stay(
    asker: Asker, sid_is_told: bool, webhook_first: bool
) -> None:
    classroom = await ready()
    stay = classroom.stay(0)
    sid = stay.sid if sid_is_told else None
    if webhook_first:
        await send(classroom.room.joined(stay), at(0, 1))
    await report(asker, classroom, at(0, 0.5), sid=sid)
    if not webhook_first:
        await send(classroom.room.joined(stay), at(0, 1))
    found = await row(classroom)
    assert visits(found, START) == [(0, None, CycleStart.JOINED, None)]
    assert (found.result.join_count, found.result.joined_since_ms is None) == (1, False)
    await expire(at(5))
    assert visits(await row(classroom), START) == visits(found, START)
    assert (await classroom.now()).status is SessionStatus.ONGOING


@pytest.mark.parametrize("sid", [None, "PA_mine"])
async def test_a_reported_join_that_livekit_does_not_confirm_ends_after_a_minute(
    asker: Asker, sid: str | None
) -> None:
    classroom = await ready()
    await report(asker, classroom, at(1), sid=sid)
    await expire(at(1, 59.9))
    assert (await row(classroom)).result.presence is Presence.IN_MEETING
    assert await DueWork.filter(kind=WorkKind.EXPIRE_REPORT, due_at=at(2)).exists()
    await expire(at(2))
    found = await row(classroom)
    assert (found.result.presence, found.result.cycles) == (Presence.NOT_JOINED, ())
    assert found.result.join_count == 0
    version = (await classroom.now()).version
    participant = await SessionParticipant.get(user_id=classroom.student.id)
    await expire_report(participant.id, at(3))  # a second time
    assert await lines() == [EventKind.JOINED, EventKind.EXPIRED]
    assert (await classroom.now()).version == version


async def test_a_confirmation_that_comes_too_late_to_show_still_counts(asker: Asker) -> None:
    classroom = await ready()
    stay = classroom.stay(1)
    await report(asker, classroom, at(1), sid=stay.sid)
    await expire(at(2))
    await send(classroom.room.joined(stay), at(2, 5))
    assert visits(await row(classroom), START) == [(MINUTE, None, CycleStart.JOINED, None)]


async def test_a_class_that_only_reports_tell_of_is_an_absence(asker: Asker) -> None:
    classroom = await ready()
    await send(classroom.room.started(), at(-8))  # the room was there: they could have come
    await report(asker, classroom, at(0))
    await report(asker, classroom, at(59), LEAVE)
    await advance_due(at(65))
    await finalise_attendance(classroom.session.id, at(65, 10))
    found = await row(classroom)
    assert (found.result.status, found.result.closed_ms) == (AttendanceStatus.ABSENT, 0)
    assert (await classroom.now()).status is SessionStatus.ABSENT
    await expire(at(66))
    assert (await row(classroom)).result.cycles == ()
    assert (await classroom.now()).status is SessionStatus.ABSENT
    rows = await as_text()
    await recalculate_session(classroom.session.id, at(99))
    assert await as_text() == rows


async def test_a_student_who_is_only_reported_does_not_keep_a_session_open(asker: Asker) -> None:
    classroom = await ready(max_overtime_minutes=60)
    await advance_due(START)
    await report(asker, classroom, at(64, 50))
    await advance_due(at(65))
    assert (await classroom.now()).status is SessionStatus.COMPLETED
    assert (await row(classroom)).result.presence is Presence.LEFT


async def test_a_student_who_is_only_reported_does_not_let_others_report(asker: Asker) -> None:
    classroom = await ready(max_overtime_minutes=60)
    await advance_due(START)
    await report(asker, classroom, at(64, 50))
    assert code(await report(asker, classroom, at(65), as_=classroom.teacher)) == "SESSION_OVER"


async def test_a_reported_leave_shows_at_once_and_livekits_takes_its_place(asker: Asker) -> None:
    classroom = await ready()
    stay = classroom.stay(0)
    await send(classroom.room.joined(stay), START)
    left = payload(await report(asker, classroom, at(30), LEAVE, sid=stay.sid))["attendance"]
    assert (left["presence"], left["confidence"]) == ("LEFT", "REPORTED")
    found = await row(classroom)
    assert visits(found, START) == [(0, 30 * MINUTE, CycleStart.JOINED, CycleEnd.CLIENT_REPORT)]
    await send(classroom.room.left(stay, at(30, 2)), at(30, 2))
    found = await row(classroom)
    assert visits(found, START) == [(0, 30 * MINUTE + 2000, CycleStart.JOINED, CycleEnd.LEFT)]
    count = len(await lines())
    again = payload(await report(asker, classroom, at(31), LEAVE))["attendance"]
    assert again["presence"] == "LEFT"
    assert len(await lines()) == count


async def test_a_leave_of_another_connection_says_nothing(asker: Asker) -> None:
    classroom = await ready()
    await send(classroom.room.joined(classroom.stay(0)), START)
    await report(asker, classroom, at(5), LEAVE, sid="PA_other")
    assert (await row(classroom)).result.presence is Presence.IN_MEETING
    assert not await MeetingAttendanceEvent.filter(source=EventSource.CLIENT).exists()


async def test_a_leave_reported_by_a_person_who_never_joined_is_refused(asker: Asker) -> None:
    classroom = await ready()
    assert code(await report(asker, classroom, START, LEAVE)) == "NOT_IN_ROOM"
    assert (
        code(await report(asker, classroom, START, LEAVE, as_=classroom.teacher)) == "NOT_IN_ROOM"
    )
    assert await lines() == []


async def test_a_person_who_may_not_join_may_not_report(asker: Asker) -> None:
    early = await scheduled()
    assert code(await report(asker, early, at(-11))) == "NOT_JOINABLE_YET"
    classroom = await ready()
    stranger = await make.student(await classroom.session.academy)
    assert code(await report(asker, classroom, at(-6), as_=stranger)) == "NOT_FOUND"
    participant = SessionParticipant.filter(session_id=classroom.session.id, user=classroom.student)
    await participant.update(barred_at=at(-6))
    assert code(await report(asker, classroom, at(-5))) == "BARRED"
    await participant.update(barred_at=None)
    admin = await make.user(await classroom.session.academy, UserRole.ACADEMY_ADMIN)
    await cancel_session(make.viewer(admin), classroom.session.id, None, at(-4))
    assert code(await report(asker, classroom, at(-3))) == "SESSION_OVER"
    assert await lines() == []


async def test_a_person_barred_while_inside_may_report_only_a_leave(asker: Asker) -> None:
    classroom = await ready()
    await send(classroom.room.joined(classroom.stay(0)), START)
    await SessionParticipant.filter(user=classroom.student).update(barred_at=at(5))
    assert code(await report(asker, classroom, at(6))) == "BARRED"
    assert payload(await report(asker, classroom, at(7), LEAVE))["attendance"]["presence"] == "LEFT"
    assert code(await report(asker, classroom, at(8))) == "BARRED"


@pytest.mark.parametrize("sid", [None, "PA_mine"])
async def test_reports_without_end_are_answered_and_not_written(
    asker: Asker, sid: str | None
) -> None:
    classroom = await ready()
    for second in range(0, 60, 2):
        joined = await report(asker, classroom, at(1, second), sid=sid)
        left = await report(asker, classroom, at(1, second + 1), LEAVE, sid=sid)
        assert (code(joined), code(left)) == (None, None)
    assert await MeetingAttendanceEvent.filter(source=EventSource.CLIENT).count() == 10
    version = (await classroom.now()).version
    again = payload(await report(asker, classroom, at(2)))["attendance"]
    assert again["presence"] == "LEFT"
    assert (await classroom.now()).version == version
    later = payload(await report(asker, classroom, at(12)))["attendance"]
    assert later["presence"] == "IN_MEETING"


async def test_a_session_whose_time_is_up_is_over_for_a_report(asker: Asker) -> None:
    classroom = await ready()
    assert code(await report(asker, classroom, at(70))) == "SESSION_OVER"
    early = await scheduled()
    assert code(await report(asker, early, at(-9))) is None


async def test_a_parent_gets_a_row_by_reporting(asker: Asker) -> None:
    classroom = await ready()
    parent = await make.parent(await classroom.session.academy, classroom.student)
    assert code(await report(asker, classroom, at(1), as_=parent)) is None
    found = await row(classroom, parent)
    assert (found.is_expected, found.result.presence) == (False, Presence.IN_MEETING)
    await expire(at(2))
    assert (await row(classroom, parent)).result.presence is Presence.NOT_JOINED


@pytest.mark.parametrize("sid", ["", "PA\t", "x" * 65, "PA x", "PA_ص"])
@pytest.mark.parametrize("what", [JOIN, LEAVE])
async def test_a_report_with_an_invalid_sid_is_refused(asker: Asker, sid: str, what: str) -> None:
    classroom = await ready()
    answer = await report(asker, classroom, START, what, sid=sid)
    assert code(answer) == "INVALID_INPUT"
    assert await lines() == []


async def test_reports_in_both_orders_leave_one_stream_without_gaps(asker: Asker) -> None:
    classroom = await ready(students=2)
    for student in classroom.students:
        await report(asker, classroom, at(0), as_=student)
        await report(asker, classroom, at(0, 20), LEAVE, as_=student)
        await report(asker, classroom, at(0, 40), as_=student)
    await expire(at(1, 30))
    assert [(await row(classroom, who)).result.presence for who in classroom.students] == [
        Presence.IN_MEETING,
        Presence.IN_MEETING,
    ]
    await expire(at(1, 40))
    assert [(await row(classroom, who)).result.presence for who in classroom.students] == [
        Presence.NOT_JOINED,
        Presence.NOT_JOINED,
    ]
    assert (await classroom.now()).version == len(await stream(classroom.session.id))
