"""Lost leaves, restarted rooms and clocks that are ahead: what counts is what can be known."""

from datetime import timedelta

import pytest

from actions.attendance.final_result import finalise_attendance
from actions.clock.sweep import advance_due
from domain.attendance.fold import AttendanceStatus, CycleEnd, CycleStart, Presence
from domain.attendance.state import AttendanceState
from domain.status import SessionStatus
from models import MeetingAttendanceEvent, Session, User, WebhookReceipt
from models.reading.attendance_log import window_of
from tests.support.attendance_rows import state, visits
from tests.support.classrooms import START, Classroom, at, away, ms, ready
from tests.support.livekit_events import Room, send

pytestmark = pytest.mark.usefixtures("database")

MINUTE = 60_000
JOINED = CycleStart.JOINED


async def row(classroom: Classroom, user: User | None = None) -> AttendanceState:
    return await state(classroom.session.id, user or classroom.student)


async def seconds(classroom: Classroom, minute: float) -> tuple[float, float, float]:
    """At least, counted and at most, in minutes, as of a minute of the class."""
    found, window = await row(classroom), window_of(await classroom.now())
    told = (
        found.at_least_ms(window, ms(minute)),
        found.total_ms(window, ms(minute)),
        found.at_most_ms(window, ms(minute)),
    )
    least, counted, most = (one / MINUTE for one in told)
    return least, counted, most


async def test_a_newer_connection_ends_the_older_one_whose_leave_is_lost() -> None:
    classroom = await ready()
    await send(classroom.room.joined(classroom.stay(0)), START)
    newer = classroom.stay(6)
    await send(classroom.room.joined(newer), at(6))
    await send(classroom.room.left(newer, at(6, 1)), at(6, 1))
    assert await seconds(classroom, 30) == pytest.approx((1 / 60, 6 + 1 / 60, 6 + 1 / 60))
    assert (await row(classroom)).result.presence is Presence.LEFT


async def test_a_look_before_the_newer_connection_proves_the_older_one() -> None:
    classroom = await ready()
    await send(classroom.room.joined(classroom.stay(0)), START)
    await Session.filter(id=classroom.session.id).update(room_seen_at=at(3))
    newer = classroom.stay(6)
    await send(classroom.room.joined(newer), at(6))
    await send(classroom.room.left(newer, at(6)), at(6))
    assert (await seconds(classroom, 30))[0] == pytest.approx(3)


async def test_another_device_is_let_in_beside_the_first() -> None:
    classroom = await ready()
    first, phone = classroom.stay(0), classroom.stay(6)
    await send(classroom.room.joined(first), START)
    identity = f"{first.told()['identity']}#phone"
    await send(classroom.room.joined(phone, identity=identity), at(6))
    await send(classroom.room.left(phone, at(8), identity=identity), at(8))
    assert (await row(classroom)).result.presence is Presence.IN_MEETING


async def test_a_room_that_starts_again_under_its_sid_ends_who_is_not_seen_again() -> None:
    classroom = await ready(students=2)
    gone, back = classroom.students
    for one in (gone, back):
        await send(classroom.room.joined(classroom.stay(0, one)), START)
    await Session.filter(id=classroom.session.id).update(room_seen_at=at(19))
    again = classroom.room.started() | {
        "id": "EV_again",
        "createdAt": str(ms(20) // 1000),
    }
    await send(again, at(20))
    await send(classroom.room.joined(classroom.stay(20.1, back)), at(20.1))
    assert visits(await row(classroom, gone), START) == [(0, 19 * MINUTE, JOINED, CycleEnd.STALE)]
    assert (await row(classroom, back)).result.presence is Presence.IN_MEETING


async def test_a_leave_dated_an_hour_ahead_counts_when_it_arrives() -> None:
    classroom = await ready()
    stay = classroom.stay(0)
    await send(classroom.room.joined(stay), START)
    await send(classroom.room.left(stay, at(70)), at(10))
    assert await seconds(classroom, 30) == (10, 10, 10)


async def test_a_join_dated_in_another_century_counts_when_it_arrives() -> None:
    classroom = await ready()
    stay = classroom.stay(60 * 24 * 365 * 73)
    event = classroom.room.joined(stay) | {"createdAt": str(ms(0) // 1000)}
    await send(event, START)
    assert await seconds(classroom, 30) == (30, 30, 30)


async def test_a_finish_dated_ahead_does_not_complete_a_class_that_has_begun() -> None:
    classroom = await ready()
    await send(classroom.room.joined(classroom.stay(0)), START)
    await send(classroom.room.finished(at(61)), at(2))
    assert (await classroom.now()).status is SessionStatus.ONGOING
    assert visits(await row(classroom), START) == [(0, 2 * MINUTE, JOINED, CycleEnd.ROOM_FINISHED)]


async def test_a_livekit_40_s_ahead_goes_on_working() -> None:
    classroom = await ready()
    room, ahead = classroom.room, timedelta(seconds=40)
    stay = classroom.stay(40 / 60)
    await send(room.joined(stay), START)
    await send(room.left(stay, at(30) + ahead), at(30))
    later = Room(classroom.session, at(31) + ahead)
    await send(later.started(), at(31))
    second = classroom.stay(31 + 41 / 60)
    await send(later.joined(second), at(31, 1))
    assert (await classroom.now()).room_sid == later.sid
    assert visits(await row(classroom), START) == [(0, None, JOINED, None)]
    assert (await seconds(classroom, 40))[1] == 40


async def test_a_class_whose_end_we_missed_counts_until_we_heard_last() -> None:
    classroom = await ready()
    await send(classroom.room.joined(classroom.stay(0)), START)
    await away(classroom, 0.25, 70)
    await advance_due(at(70))
    await finalise_attendance(classroom.session.id, at(71))
    found = (await row(classroom)).result
    assert await seconds(classroom, 71) == (0.25, 0.25, 60)
    assert (found.status, found.needs_review) == (AttendanceStatus.ABSENT, True)


async def test_a_recorder_of_an_older_server_is_no_poison() -> None:
    classroom = await ready()
    await send(classroom.room.joined(classroom.stay(0), identity="EG_abcdef"), START)
    (receipt,) = await WebhookReceipt.all()
    assert (receipt.outcome, receipt.detail) == ("IGNORED", "not a person")
    assert await MeetingAttendanceEvent.all().count() == 0
