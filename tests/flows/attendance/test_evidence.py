"""Managers of a session can read the log behind an attendance."""

from typing import Any

from actions.attendance.final_result import finalise_attendance
from actions.attendance.overrides import Wish, override_attendance
from actions.attendance.reports import report_join
from actions.clock.sweep import advance_due
from domain.attendance.fold import AttendanceStatus
from domain.status import SessionStatus
from models import MeetingAttendance, User
from schema.types.ids import Kind, encode
from tests.support import make
from tests.support.asking import Asker, payload
from tests.support.attendance_rows import as_text, state, told
from tests.support.classrooms import START, Classroom, at, ready
from tests.support.livekit_events import send

EVENTS = """query ($session: ID!, $user: ID!, $first: Int, $after: String) {
  attendance(sessionId: $session, userId: $user) {
    events(first: $first, after: $after) {
      nodes { id kind source participantSid occurredAt receivedAt disconnectReason }
      pageInfo { hasNextPage endCursor }
    }
  }
}"""
RECALCULATE = """mutation ($id: ID!) {
  recalculateAttendance(sessionId: $id) { session { status version } errors { code } }
}"""


async def read(asker: Asker, classroom: Classroom, as_: User, **page: Any) -> Any:
    sent = {
        "session": encode(Kind.SESSION, classroom.session.id),
        "user": encode(Kind.USER, classroom.student.id),
    }
    answer = await asker.ask(EVENTS, as_, now=at(90), **sent, **page)
    return payload(answer)["events"]


async def told_classroom() -> Classroom:
    """Two students; one reports, joins and leaves, and gets an override."""
    classroom = await ready(students=2)
    stay = classroom.stay(0)
    await report_join(make.viewer(classroom.student), classroom.session.id, stay.sid, START)
    await send(classroom.room.joined(stay), at(0, 1))
    await send(classroom.room.joined(classroom.stay(1, classroom.students[1])), at(1))
    await send(classroom.room.left(stay, at(50), "CONNECTION_TIMEOUT"), at(50, 0.25))
    wish = Wish(AttendanceStatus.PRESENT, "Power cut.")
    teacher = make.viewer(classroom.teacher)
    await override_attendance(teacher, classroom.session.id, classroom.student.id, wish, at(51))
    return classroom


async def test_the_log_is_the_persons_lines_and_the_rooms_in_order(asker: Asker) -> None:
    classroom = await told_classroom()
    lines = (await read(asker, classroom, classroom.teacher))["nodes"]
    assert [(line["kind"], line["source"]) for line in lines] == [
        ("JOINED", "CLIENT"),
        ("JOINED", "WEBHOOK"),
        ("ROOM_STARTED", "RECONCILER"),
        ("LEFT", "WEBHOOK"),
        ("OVERRIDE", "PERSON"),
    ]
    leave = lines[3]
    assert leave["id"].startswith("EV_")
    assert leave["occurredAt"] == "2026-03-02T11:50:00.000Z"
    assert leave["receivedAt"] == "2026-03-02T11:50:00.250Z"
    reasons = [line["disconnectReason"] for line in lines]
    assert reasons == [None, None, None, "CONNECTION_TIMEOUT", None]
    assert leave["participantSid"] == lines[0]["participantSid"]


async def test_the_log_is_read_in_pages(asker: Asker) -> None:
    classroom = await told_classroom()
    seen, after = [], None
    while True:
        page = await read(asker, classroom, classroom.teacher, first=2, after=after)
        seen += [line["id"] for line in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    whole = await read(asker, classroom, classroom.teacher)
    assert seen == [line["id"] for line in whole["nodes"]]
    assert len(seen) == 5


async def test_who_does_not_manage_the_session_reads_no_evidence(asker: Asker) -> None:
    classroom = await told_classroom()
    parent = await make.parent(await classroom.session.academy, classroom.student)
    for reader in (classroom.student, parent):
        page = await read(asker, classroom, reader)
        assert (page["nodes"], page["pageInfo"]["hasNextPage"]) == ([], False)


async def test_a_recalculation_puts_right_what_was_wrong_and_nothing_else(asker: Asker) -> None:
    classroom = await told_classroom()
    rows = await as_text()
    sent = {"id": encode(Kind.SESSION, classroom.session.id)}
    version = (await classroom.now()).version
    answer = payload(await asker.ask(RECALCULATE, classroom.teacher, now=at(80), **sent))
    assert answer["session"]["version"] == version
    assert await as_text() == rows
    participant = (await state(classroom.session.id, classroom.student)).participant_id
    await MeetingAttendance.filter(participant_id=participant).update(closed_ms=1)
    answer = payload(await asker.ask(RECALCULATE, classroom.teacher, now=at(81), **sent))
    assert answer["session"]["version"] == version + 1
    assert await as_text() == rows


async def test_a_late_event_refolds_what_is_final_and_says_so(asker: Asker) -> None:
    classroom = await ready()
    await send(classroom.room.started(), at(-8))
    await advance_due(at(65))
    await finalise_attendance(classroom.session.id, at(65, 10))
    before = await state(classroom.session.id, classroom.student)
    session = await classroom.now()
    assert session.status is SessionStatus.ABSENT
    stay = classroom.stay(0)
    await send(classroom.room.left(stay, at(60)), at(70))
    after = await state(classroom.session.id, classroom.student)
    assert (after.is_final, after.result.status) == (True, AttendanceStatus.PRESENT)
    assert (after.calculated_ms or 0) > (before.calculated_ms or 0)
    assert (await classroom.now()).status is SessionStatus.COMPLETED
    kinds = [kind for kind, _ in await told(session.id, session.version)]
    assert kinds == ["PRESENCE_CHANGED", "STATUS_CHANGED"]
