"""When nobody could take LiveKit's webhooks, the attendance logs of the live rooms say so."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import pytest

import clock
from actions.attendance.away import note_away
from actions.attendance.final_result import finalise_attendance
from actions.clock.sweep import advance_due
from actions.webhooks import door as door_of_webhooks
from actions.webhooks.door import WebhookDoor, door
from actions.webhooks.rejections import rejections
from domain.attendance.fold import EventKind, EventSource
from domain.attendance.state import to_ms
from domain.session import WorkKind
from models import (
    DoorClosure,
    DoorHeartbeat,
    DueWork,
    MeetingAttendanceEvent,
    Session,
    SessionParticipant,
)
from models.database import one_clock, sql
from models.database.connection import close_database, open_database
from models.reading.door_status import shut_now
from tasks.door import beating
from tests.conftest import Template
from tests.support.app import serving_app
from tests.support.attendance_rows import states
from tests.support.classrooms import Classroom, at, ready
from tests.support.livekit_events import send, send_raw
from tests.support.livekit_stub import LiveKitStub
from tests.support.patience import see, until

pytestmark = pytest.mark.usefixtures("database")

NAME = "here:1"


async def inside(minutes: float = 1, **settings: int) -> Classroom:
    """A classroom whose student has come."""
    classroom = await ready(**settings)
    await send(classroom.room.joined(classroom.stay(minutes)), at(minutes))
    return classroom


async def beats(first: datetime, last: datetime, *doors: WebhookDoor) -> None:
    """Beat every two seconds, at each door."""
    moment = first
    while moment <= last:
        for number, one in enumerate(doors or (door,), 1):
            await one.beat(f"here:{number}", moment)
        moment += timedelta(seconds=2)


async def work_off(now: datetime) -> list[int]:
    """Do the notes that are due, and return their sessions."""
    due = await DueWork.filter(kind=WorkKind.NOTE_AWAY, due_at__lte=now).order_by("subject")
    for work in due:
        await note_away(work.subject, now)
        await work.delete()
    return [work.subject for work in due]


async def away(classroom: Classroom | None = None) -> list[tuple[datetime, datetime]]:
    """The times that the log says we were away, of one session or of all."""
    lines = MeetingAttendanceEvent.filter(kind=EventKind.AWAY).order_by("occurred_ms")
    if classroom:
        lines = lines.filter(session_id=classroom.session.id)
    zero = to_ms(at())
    return [
        (at(seconds=(line.occurred_ms - zero) / 1000), at(seconds=(line.received_ms - zero) / 1000))
        for line in await lines
    ]


@contextmanager
def broken() -> Iterator[None]:
    """No webhook can be stored."""

    async def fails(*_: object) -> None:
        raise OSError("gone")

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("routes.livekit.record_notice", fails)
        yield


async def test_a_gap_of_nine_seconds_casts_no_doubt() -> None:
    await inside()
    await beats(at(1), at(2))
    await beats(at(2, 9), at(3))
    assert await work_off(at(3)) == []
    assert await DoorClosure.all().count() == 0


async def test_a_gap_of_eleven_seconds_is_noted_once_where_somebody_is_inside(
    caplog: pytest.LogCaptureFixture,
) -> None:
    here, other, empty = await inside(), await inside(), await ready()
    await beats(at(1), at(2))
    await beats(at(2, 11), at(2, 11))
    assert await work_off(at(2, 11)) == [here.session.id, other.session.id]
    assert await away(here) == await away(other) == [(at(2), at(2, 11))]
    assert await away(empty) == []
    assert caplog.text.count("webhook door was shut") == 1
    await beats(at(2, 13), at(3))
    assert await work_off(at(3)) == []
    await note_away(here.session.id, at(3))
    assert len(await away(here)) == 1


async def test_the_line_is_about_the_room_and_has_its_last_sign_of_life() -> None:
    classroom = await inside()
    await Session.filter(id=classroom.session.id).update(room_seen_at=at(1, 50))
    await beats(at(2), at(2))
    await beats(at(3), at(3))
    await work_off(at(3))
    line = await MeetingAttendanceEvent.get(kind=EventKind.AWAY)
    session = await classroom.now()
    assert (line.user_id, line.source) == (None, EventSource.CLOCK)
    assert (line.room_sid, line.room_created_ms) == (session.room_sid, session.room_created_ms)
    assert line.room_sid == classroom.room.sid
    assert line.alive_ms == to_ms(at(1, 50))
    assert line.source_id == f"away:{session.id}:{to_ms(at(2))}"


async def test_a_look_that_missed_somebody_is_no_sign_of_life() -> None:
    classroom = await inside()
    await Session.filter(id=classroom.session.id).update(room_seen_at=at(1, 50))
    await SessionParticipant.filter(user_id=classroom.student.id).update(missed={"PA_x": 1})
    await beats(at(2), at(2))
    await beats(at(3), at(3))
    await work_off(at(3))
    assert (await MeetingAttendanceEvent.get(kind=EventKind.AWAY)).alive_ms is None


async def test_stays_are_looked_at_again_when_they_could_be_stale() -> None:
    classroom = await inside(stale_after_minutes=20)
    await beats(at(2), at(2))
    await beats(at(3), at(3))
    await work_off(at(3, 1))
    work = await DueWork.get(kind=WorkKind.EXPIRE_STAYS, subject=classroom.session.id)
    assert work.due_at == at(23)


async def test_who_comes_after_the_door_is_open_again_was_not_there() -> None:
    classroom = await ready()
    await beats(at(2), at(2))
    await beats(at(3), at(3))
    await send(classroom.room.joined(classroom.stay(4)), at(4))
    await note_away(classroom.session.id, at(5))
    await DoorHeartbeat.all().update(beat_at=at(66))
    await advance_due(at(65))
    await finalise_attendance(classroom.session.id, at(66))
    assert await away() == []


async def test_the_first_start_ever_is_no_closure() -> None:
    await inside()
    await beats(at(5), at(6))
    assert await DoorClosure.all().count() == 0


async def test_refusals_for_eleven_seconds_shut_the_door_until_one_is_stored() -> None:
    classroom = await inside()
    leave = classroom.room.left(classroom.stay(1), at(2))
    await beats(at(1), at(1, 58))
    with broken():
        for seconds in (0, 1, 4, 11):
            assert await send(leave, at(2, seconds)) == 503
            await beats(at(2, seconds), at(2, seconds))
    await beats(at(2, 12), at(2, 14))
    assert await DoorClosure.all().count() == 0
    assert await send(leave, at(2, 15)) == 200
    await beats(at(2, 16), at(3))
    assert [(one.shut_from, one.shut_until) for one in await DoorClosure.all()] == [
        (at(2), at(2, 16))
    ]
    assert await work_off(at(3)) == [classroom.session.id]
    assert await away() == [(at(2), at(2, 16))]


async def test_a_refusal_that_is_made_good_at_once_casts_no_doubt() -> None:
    classroom = await inside()
    leave = classroom.room.left(classroom.stay(1), at(2))
    await beats(at(1), at(2))
    with broken():
        assert await send(leave, at(2)) == 503
    await beats(at(2, 2), at(2, 2))
    assert await send(leave, at(2, 3)) == 200
    await beats(at(2, 4), at(3))
    assert await DoorClosure.all().count() == 0


async def test_one_process_that_stores_is_enough() -> None:
    classroom = await inside()
    leave = classroom.room.left(classroom.stay(1), at(2))
    other = WebhookDoor()
    for seconds in range(0, 30, 2):
        with broken():
            assert await send(leave, at(2, seconds)) == 503
        if seconds % 6 == 0:
            other.stored(at(2, seconds + 1))
        await beats(at(2, seconds + 1), at(2, seconds + 1), door, other)
    assert await send(leave, at(2, 31)) == 200
    await beats(at(2, 32), at(2, 32), door, other)
    assert await DoorClosure.all().count() == 0


async def test_a_refusal_made_good_by_a_process_that_is_gone_shuts_nothing() -> None:
    await inside()
    one, other = WebhookDoor(), WebhookDoor()
    one.refused(at(2))
    other.stored(at(2, 1))
    await beats(at(2, 2), at(2, 6), one, other)
    await beats(at(2, 8), at(3), one)
    one.stored(at(3, 1))
    await beats(at(3, 2), at(3, 4), one)
    assert await DoorClosure.all().count() == 0


async def test_refusals_that_go_on_after_the_process_that_stored_is_gone_shut_the_door() -> None:
    await inside()
    one, other = WebhookDoor(), WebhookDoor()
    one.refused(at(2))
    other.stored(at(2, 1))
    await beats(at(2, 2), at(2, 2), one, other)
    one.refused(at(2, 5))
    await beats(at(2, 6), at(2, 20), one)
    one.stored(at(2, 21))
    await beats(at(2, 22), at(2, 22), one)
    closure = await DoorClosure.get()
    assert (closure.shut_from, closure.shut_until) == (at(2, 5), at(2, 22))


async def test_a_delivery_that_nobody_signed_shuts_nothing() -> None:
    await inside()
    await beats(at(1), at(2))
    for seconds in range(0, 30, 2):
        assert await send_raw(b"{}", at(2, seconds), token="nonsense") == 401
        await beats(at(2, seconds), at(2, seconds))
    assert await send_raw(b"junk", at(2, 30)) == 200  # signed, so it is kept as poison
    await beats(at(2, 30), at(2, 32))
    assert await DoorClosure.all().count() == 0
    assert await rejections.since(at(1)) == 15


async def test_a_session_that_ended_meanwhile_is_noted_before_it_is_final() -> None:
    classroom = await inside()
    await beats(at(50), at(50))
    await advance_due(at(65))
    await beats(at(66), at(66))
    assert await work_off(at(66)) == [classroom.session.id]
    assert await away() == [(at(50), at(66))]
    await finalise_attendance(classroom.session.id, at(67))
    assert len(await away()) == 1


async def test_attendance_that_is_made_final_while_the_door_is_shut_says_so() -> None:
    classroom = await inside()
    await beats(at(50), at(50))
    await advance_due(at(65))
    await finalise_attendance(classroom.session.id, at(66))
    assert await away() == [(at(50), at(66))]
    assert (await states(classroom.session.id))[classroom.student.id].is_final
    await beats(at(67), at(67))
    assert await work_off(at(67)) == []
    await note_away(classroom.session.id, at(67))
    assert len(await away()) == 1


async def test_a_door_that_is_shut_again_is_noted_when_it_is_open_again() -> None:
    classroom = await inside()
    await beats(at(2), at(2))
    await beats(at(3), at(3))
    await work_off(at(4))
    assert await away() == [(at(2), at(3))]
    await beats(at(5), at(5))
    await work_off(at(5))
    assert await away(classroom) == [(at(2), at(3)), (at(3), at(5))]


async def test_a_cancelled_session_is_left_alone() -> None:
    classroom = await inside()
    await beats(at(2), at(2))
    await Session.filter(id=classroom.session.id).update(status="CANCELLED", ended_at=at(2, 30))
    await beats(at(3), at(3))
    await note_away(classroom.session.id, at(3))
    assert await away() == []


# --- processes and their clocks


async def test_two_processes_that_start_at_once_find_it_together() -> None:
    classroom = await inside()
    await beats(at(2), at(2))
    starts = [WebhookDoor().beat(f"new:{number}", at(3, number / 10)) for number in range(2)]
    await asyncio.gather(*starts)
    assert await DoorClosure.all().count() == 1
    assert await work_off(at(4)) == [classroom.session.id]
    assert len(await away()) == 1


async def test_a_clock_that_is_set_back_makes_no_closure_and_finds_the_next_one() -> None:
    await inside()
    await beats(at(10), at(10))
    await door.beat("gone:1", at(10))
    await beats(at(5), at(6))
    assert await DoorClosure.all().count() == 0
    assert {row.name for row in await DoorHeartbeat.all()} == {NAME}
    await beats(at(7), at(7))
    assert [(one.shut_from, one.shut_until) for one in await DoorClosure.all()] == [(at(6), at(7))]


async def test_a_beat_is_forgotten_after_a_day_and_a_closure_after_a_month() -> None:
    await door.beat("gone:1", at(0))
    await beats(at(25 * 60), at(25 * 60))
    assert {row.name for row in await DoorHeartbeat.all()} == {NAME}
    assert [one.shut_from for one in await DoorClosure.all()] == [at(0)]
    month = 31 * 24 * 60
    await beats(at(25 * 60 + month), at(25 * 60 + month))
    assert [one.shut_from for one in await DoorClosure.all()] == [at(25 * 60)]


@pytest.mark.parametrize("template", ["postgres"], indirect=True)
async def test_the_database_has_the_one_clock_where_ours_differs_much(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def ahead() -> datetime:
        return clock.now() + timedelta(minutes=1)

    monkeypatch.setattr(one_clock, "database_now", ahead)
    await door.beat(NAME, at(0))
    (row,) = await DoorHeartbeat.all()
    assert abs(row.beat_at - at(1)) < timedelta(seconds=1)
    assert await shut_now(at(0)) is None


async def test_a_difference_of_less_than_half_a_second_is_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def near() -> datetime:
        return clock.now() + timedelta(seconds=0.4)

    monkeypatch.setattr(one_clock, "database_now", near)
    await door.beat(NAME, at(0))
    assert (await DoorHeartbeat.get()).beat_at == at(0)


async def test_the_beats_go_on_after_the_database_was_gone(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.door.BEAT_EVERY", timedelta(seconds=0.01))
    tried = 0

    def now() -> datetime:
        nonlocal tried
        tried += 1
        return clock.now()

    await sql.execute("ALTER TABLE door_heartbeats RENAME TO elsewhere")
    async with beating(now):
        await until(lambda: tried > 3)
        await sql.execute("ALTER TABLE elsewhere RENAME TO door_heartbeats")
        await until(DoorHeartbeat.all().exists)
    assert caplog.text.count("loop in trouble") == 1


async def test_a_server_has_beaten_before_it_answers(template: Template) -> None:
    await close_database()
    door_of_webhooks.door.clear()
    async with LiveKitStub() as stub:
        url = await template.fresh()
        async with serving_app(url, livekit_api_url=stub.url):
            (first,) = await DoorHeartbeat.all()
            assert clock.now() - first.beat_at < timedelta(seconds=30)

            async def beats_again() -> bool:
                return see(await DoorHeartbeat.get()).beat_at > first.beat_at

            await until(beats_again)
    await open_database(url)


async def test_a_server_that_no_longer_listens_beats_no_more_while_it_drains() -> None:
    classroom = await inside()
    await beats(at(2), at(2, 2))
    door.close()
    await beats(at(2, 4), at(2, 12))
    assert await shut_now(at(2, 13)) is not None
    next_server = WebhookDoor()
    await next_server.beat("here:2", at(2, 14))
    await work_off(at(2, 14))
    assert await away(classroom) == [(at(2, 2), at(2, 14))]
