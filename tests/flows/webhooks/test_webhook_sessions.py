"""Webhooks change their session: they start, heal and complete it."""

import asyncio
from datetime import timedelta

import pytest

from actions.sessions.session_reschedule import reschedule_session
from actions.webhooks.notices import record_notice
from domain.access import UserRole
from domain.attendance.fold import Confidence, CycleEnd, CycleStart, Presence
from domain.attendance.state import AttendanceState, to_ms
from domain.session import WorkKind
from domain.status import SessionStatus
from domain.webhook import WebhookOutcome
from gateways.livekit_webhooks import translate
from models import DueWork, MeetingAttendance, MeetingAttendanceEvent, Session
from models.attendance_json import state_to_json
from tests.conftest import Database
from tests.support import make
from tests.support.attendance_rows import state, states, stream, told, visits
from tests.support.classrooms import START, Classroom, at, ready
from tests.support.livekit_events import Room, Stay, send
from tests.support.webhooks import encode

MINUTE = 60_000
JOINED, LEFT = CycleStart.JOINED, CycleEnd.LEFT


@pytest.fixture
async def classroom(database: Database) -> Classroom:
    return await ready()


async def test_the_first_join_starts_the_session_and_tells_the_whole_state(
    classroom: Classroom,
) -> None:
    version = (await classroom.now()).version
    stay = classroom.stay(-2)
    assert await send(classroom.room.started(), at(-2)) == 200
    assert (await classroom.now()).version == version  # no participant has changed yet
    assert await send(classroom.room.joined(stay), at(-2, 0.06)) == 200
    session = await classroom.now()
    assert (session.status, session.started_at) == (SessionStatus.ONGOING, at(-2, 0.06))
    [(kind, presence), (moved, why)] = await told(session.id, after=version)
    assert session.version == version + 2
    assert (kind, moved) == ("PRESENCE_CHANGED", "STATUS_CHANGED")
    assert (why["from"], why["to"], why["cause"]) == ("READY", "ONGOING", "FIRST_JOIN")
    found = await state(session.id, classroom.student)
    assert presence == state_to_json(found)
    assert found.result.presence is Presence.IN_MEETING
    assert visits(found, START) == [(-2 * MINUTE, None, JOINED, None)]
    assert session.next_transition_at == session.completes_at


async def test_a_leave_and_a_return_are_told_one_event_each(classroom: Classroom) -> None:
    first, second = classroom.stay(1), classroom.stay(20)
    await send(classroom.room.joined(first), at(1))
    version = (await classroom.now()).version
    await send(classroom.room.left(first, at(10)), at(10))
    await send(classroom.room.joined(second), at(20))
    events = await told(classroom.session.id, after=version)
    assert (await classroom.now()).version == version + 2
    assert [payload["presence"] for _, payload in events] == ["LEFT", "IN_MEETING"]
    assert [payload["join_count"] for _, payload in events] == [1, 2]
    assert events[-1][1] == state_to_json(await state(classroom.session.id, classroom.student))


async def test_a_change_of_nothing_is_not_told(classroom: Classroom) -> None:
    stay = classroom.stay(1)
    await send(classroom.room.joined(stay), at(1))
    await send(classroom.room.left(stay, at(5)), at(5))
    version = (await classroom.now()).version
    await send(classroom.room.aborted(stay, at(6)), at(6))
    await send(classroom.room.started(), at(7))
    assert (await classroom.now()).version == version


async def test_the_teachers_join_starts_the_session_too(classroom: Classroom) -> None:
    await send(classroom.room.joined(classroom.stay(-1, classroom.teacher)), at(-1))
    assert (await classroom.now()).status is SessionStatus.ONGOING
    assert not (await state(classroom.session.id, classroom.teacher)).is_expected


async def test_a_join_that_never_got_media_starts_nothing(classroom: Classroom) -> None:
    await send(classroom.room.aborted(classroom.stay(-1), at(-1, 5)), at(-1, 5))
    assert (await classroom.now()).status is SessionStatus.READY
    assert not (await state(classroom.session.id, classroom.student)).has_joined


async def test_a_join_heals_a_session_that_the_clock_forgot(classroom: Classroom) -> None:
    admin = make.viewer(await make.user(await classroom.session.academy, UserRole.ACADEMY_ADMIN))
    later = START + timedelta(hours=2)
    await reschedule_session(admin, classroom.session.id, later, None, at(-9))
    assert (await classroom.now()).status is SessionStatus.SCHEDULED
    room = Room(classroom.session, later - timedelta(minutes=5))
    joined = room.joined(Stay(classroom.student, later - timedelta(minutes=4)))
    await send(joined, later - timedelta(minutes=4))
    session = await classroom.now()
    assert session.status is SessionStatus.ONGOING
    causes = [p["cause"] for kind, p in await told(session.id) if kind == "STATUS_CHANGED"]
    assert causes == ["CLOCK", "PERSON", "CLOCK", "FIRST_JOIN"]


async def test_a_webhook_makes_the_moves_that_the_clock_missed(database: Database) -> None:
    classroom = await ready(minutes=30)
    await send(classroom.room.joined(classroom.stay(3)), at(3))
    stay = classroom.stay(3, classroom.teacher)
    await send(classroom.room.left(stay, at(36)), at(36))
    session = await classroom.now()
    assert (session.status, session.ended_at) == (SessionStatus.COMPLETED, at(36))
    student = await state(session.id, classroom.student)
    assert visits(student, START) == [(3 * MINUTE, 36 * MINUTE, JOINED, CycleEnd.STALE)]
    assert student.result.closed_ms == 27 * MINUTE


async def test_the_end_of_the_old_room_does_not_make_the_next_one_ready(
    classroom: Classroom,
) -> None:
    await send(classroom.room.started(), at(-9))
    admin = make.viewer(await make.user(await classroom.session.academy, UserRole.ACADEMY_ADMIN))
    await reschedule_session(admin, classroom.session.id, START + timedelta(days=1), None, at(-8))
    await send(classroom.room.finished(at(-7)), at(-7))
    assert (await classroom.now()).room_first_ready_at is None


async def test_a_room_finished_before_the_end_never_completes(classroom: Classroom) -> None:
    stay = classroom.stay(1)
    await send(classroom.room.joined(stay), at(1))
    await send(classroom.room.finished(at(20)), at(20))
    late = classroom.room.finished(at(59, 59))
    await send(late, at(61))  # it arrives late
    assert (await classroom.now()).status is SessionStatus.ONGOING
    found = await state(classroom.session.id, classroom.student)
    ends = 20 * MINUTE  # the first end, to the millisecond of its arrival
    assert visits(found, START) == [(MINUTE, ends, JOINED, CycleEnd.ROOM_FINISHED)]
    assert found.result.confidence is Confidence.ESTIMATED


async def test_a_room_finished_after_the_end_completes(classroom: Classroom) -> None:
    await send(classroom.room.joined(classroom.stay(1)), at(1))
    await send(classroom.room.finished(at(61)), at(61))
    session = await classroom.now()
    assert (session.status, session.ended_at) == (SessionStatus.COMPLETED, at(61))
    assert (await told(session.id))[-2][1]["cause"] == "ROOM_FINISHED"
    assert (await state(session.id, classroom.student)).result.presence is Presence.LEFT
    work = {row.kind: row.due_at for row in await DueWork.filter(subject=session.id)}
    assert work[WorkKind.FINALISE_ATTENDANCE] == at(61, 10)
    assert work[WorkKind.DELETE_ROOM] == at(61)


async def test_the_end_of_an_older_room_does_not_complete(classroom: Classroom) -> None:
    newer = Room(classroom.session, at(50))
    await send(classroom.room.joined(classroom.stay(1)), at(1))
    await send(newer.joined(classroom.stay(50)), at(50))
    await send(classroom.room.finished(at(61)), at(61))
    assert (await classroom.now()).status is SessionStatus.ONGOING


@pytest.mark.parametrize("is_start_lost", [False, True])
async def test_a_newer_room_ends_the_stays_in_the_older_at_the_last_sign_of_life(
    classroom: Classroom, is_start_lost: bool
) -> None:
    await send(classroom.room.joined(classroom.stay(1)), at(1))
    await send(classroom.room.joined(classroom.stay(2, classroom.teacher)), at(2))
    await Session.filter(id=classroom.session.id).update(room_seen_at=at(30))  # by a look
    newer = Room(classroom.session, at(31))
    if not is_start_lost:
        await send(newer.started(), at(31))
    await send(newer.joined(classroom.stay(40)), at(40))
    await send(newer.started(), at(41))
    student, teacher = await people(classroom)
    assert visits(student, START) == [
        (MINUTE, 30 * MINUTE, JOINED, CycleEnd.STALE),
        (40 * MINUTE, None, JOINED, None),
    ]
    assert visits(teacher, START) == [(2 * MINUTE, 30 * MINUTE, JOINED, CycleEnd.STALE)]
    session = await classroom.now()
    assert (session.room_sid, session.room_seen_at) == (newer.sid, None)


async def test_a_late_word_of_an_older_room_knows_nothing_of_the_newer_ones_life(
    classroom: Classroom,
) -> None:
    newer = Room(classroom.session, at(31))
    await send(newer.started(), at(31))
    await Session.filter(id=classroom.session.id).update(room_seen_at=at(35))  # by a look
    await send(classroom.room.joined(classroom.stay(1)), at(36))
    assert await MeetingAttendanceEvent.filter(alive_ms__isnull=False).count() == 0
    assert (await classroom.now()).room_sid == newer.sid
    student = await state(classroom.session.id, classroom.student)
    assert visits(student, START) == [(MINUTE, MINUTE, JOINED, CycleEnd.STALE)]


async def test_the_order_of_webhooks_does_not_change_when_rows_are_calculated(
    database: Database,
) -> None:
    calculated = []
    for order in (1, -1):
        classroom = await ready(2)
        one, other = classroom.students
        told_of = [(classroom.room.joined(classroom.stay(1, one)), at(1))]
        told_of += [(classroom.room.joined(classroom.stay(2, other)), at(2))]
        for event, now in told_of[::order]:
            await send(event, now)
        found = await states(classroom.session.id)
        calculated.append([found[user.id].calculated_ms for user in (one, other)])
    assert calculated == [[to_ms(at(1)), to_ms(at(2))]] * 2


async def people(classroom: Classroom) -> list[AttendanceState]:
    found = await states(classroom.session.id)
    return [found[classroom.student.id], found[classroom.teacher.id]]


async def test_parents_and_visitors_get_a_row_when_they_come(classroom: Classroom) -> None:
    academy = await classroom.session.academy
    parent = await make.parent(academy, classroom.student)
    visitor, passer, ghost = [await make.student(academy) for _ in range(3)]
    await send(classroom.room.joined(classroom.stay(1, parent)), at(1))
    lost = classroom.stay(2, visitor)
    await send(classroom.room.left(lost, at(4)), at(4))  # the join was lost
    await send(classroom.room.aborted(classroom.stay(3, passer), at(3)), at(3))
    await send(classroom.room.joined(classroom.stay(3, ghost), state="DISCONNECTED"), at(3))
    found = await states(classroom.session.id)
    assert set(found) == {classroom.student.id, classroom.teacher.id, parent.id, visitor.id}
    assert [found[user.id].is_expected for user in (parent, visitor)] == [False, False]
    assert visits(found[visitor.id], START) == [
        (2 * MINUTE, 4 * MINUTE, CycleStart.LEFT_ONLY, LEFT)
    ]


async def test_thirty_people_join_at_once_and_every_event_has_its_number(
    database: Database,
) -> None:
    classroom = await ready(30)
    version = (await classroom.now()).version
    joins = [classroom.room.joined(classroom.stay(0, student)) for student in classroom.students]
    notices = [translate(encode(event)) for event in joins]
    outcomes = await asyncio.gather(*(record_notice(notice, at(0, 1)) for notice in notices * 2))
    assert outcomes.count(WebhookOutcome.APPLIED) == 30
    assert outcomes.count(WebhookOutcome.DUPLICATE) == 30
    events = await stream(classroom.session.id)
    assert (await classroom.now()).version == len(events) == version + 31
    assert len({e.payload["user_id"] for e in events[version:] if "user_id" in e.payload}) == 30
    inside = MeetingAttendance.filter(session_id=classroom.session.id, presence="IN_MEETING")
    assert await inside.count() == 30
