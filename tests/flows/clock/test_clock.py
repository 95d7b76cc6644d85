"""The clock moves sessions: in time, late, beside other clocks, and whatever fails."""

import asyncio
import random
from datetime import datetime, timedelta

import pytest

from actions.clock.sweep import advance_due
from actions.writing.stream import writing
from domain.attendance.fold import Presence
from domain.attendance.state import to_ms
from domain.session import WorkKind
from domain.status import SessionStatus, due_moves
from models import DueWork, MeetingAttendance, Session, SessionParticipant
from models.reading.due_times import next_due_at
from tests.conftest import Database
from tests.support import make
from tests.support.attendance_rows import store
from tests.support.private_sessions import at, fresh, held, is_now, make_session, make_sessions
from tests.support.ticking import stream, told

pytestmark = pytest.mark.usefixtures("database")

ELEVEN = make.ELEVEN
WHOLE_LIFE = ["SCHEDULED", "READY", "MEETING_CREATED", "ONGOING", "COMPLETED", "MEETING_ENDED"]


async def work_of(session: Session) -> dict[str, datetime]:
    return {work.kind.value: work.due_at for work in await DueWork.filter(subject=session.id)}


async def test_a_session_goes_through_its_life_in_time() -> None:
    session = await make_session()
    assert (await advance_due(at(-10.1))).advanced == 0
    assert (await advance_due(at(-10))).advanced == 1
    row = await fresh(session)
    assert (row.status, row.next_transition_at) == (SessionStatus.READY, at(0))
    assert row.room_name == f"{(await row.academy).slug}-quran-session-{row.id}"
    assert await work_of(session) == {"MAKE_ROOM": at(-10)}
    await advance_due(at(0))
    row = await fresh(session)
    assert (row.status, row.started_at) == (SessionStatus.ONGOING, at(0))
    await advance_due(at(65))
    row = await fresh(session)
    assert row.status is SessionStatus.COMPLETED
    assert (row.ended_at, row.next_transition_at) == (at(65), None)
    assert await told(session.id) == WHOLE_LIFE
    work = await work_of(session)
    assert work["DELETE_ROOM"] == at(65)
    assert work["FINALISE_ATTENDANCE"] == at(65) + timedelta(seconds=10)


async def test_asking_twice_moves_nothing_twice() -> None:
    session = await make_session()
    await advance_due(at(-10))
    before = await stream(session.id)
    assert (await advance_due(at(-10))).advanced == 0
    assert len(await stream(session.id)) == len(before)


async def test_a_session_found_after_its_end_catches_up_in_order_with_its_meeting() -> None:
    """Session 68 stood at SCHEDULED for days while the clock was down."""
    session = await make_session()
    await advance_due(at(60 * 24 * 3))
    row = await fresh(session)
    assert row.status is SessionStatus.COMPLETED
    assert row.room_name
    assert row.meeting_link
    assert row.meeting_ended_at == at(60 * 24 * 3)
    assert await told(session.id) == WHOLE_LIFE
    assert not row.was_joinable
    assert set(await work_of(session)) == {"FINALISE_ATTENDANCE"}


async def test_a_session_found_between_its_end_and_its_completion_gets_no_room() -> None:
    session = await make_session()
    await advance_due(at(62))
    row = await fresh(session)
    assert (row.status, bool(row.meeting_id)) == (SessionStatus.ONGOING, True)
    assert await work_of(session) == {}


async def test_the_next_due_date_respects_the_claims_of_due_work() -> None:
    session = await make_session()
    assert await next_due_at(at(-60)) == at(-15)  # the link
    assert await next_due_at(at(-60), at(-15)) == at(-10)
    await advance_due(at(-10))
    assert await next_due_at(at(-10)) == at(-10)
    await DueWork.filter(subject=session.id).update(claimed_until=at(-9))
    assert await next_due_at(at(-10)) == at(-9)
    assert await next_due_at(at(-10), at(-9)) == at(0)
    assert await next_due_at(at(-10), at(0)) is None


async def test_many_clocks_at_once_move_each_session_exactly_once() -> None:
    sessions = await make_sessions(30)
    for moment in (at(-10), at(0), at(65)):
        await asyncio.gather(*(_sweep_all(moment) for _ in range(4)))
    for session in sessions:
        assert await told(session.id) == WHOLE_LIFE
    assert await DueWork.filter(kind=WorkKind.FINALISE_ATTENDANCE).count() == 30


async def _sweep_all(now: datetime) -> None:
    while (await advance_due(now, limit=4)).is_whole:
        pass


async def test_people_and_clocks_at_once_leave_no_hole_in_the_stream() -> None:
    sessions = await make_sessions(5)

    async def touch(session: Session) -> None:
        for _ in range(5):
            async with writing(session.id, at(-10)) as draft:
                draft.change(notes=f"{random.random()}")

    await asyncio.gather(*(touch(session) for session in sessions), _sweep_all(at(-10)))
    await _sweep_all(at(-10))
    for session in sessions:
        assert await told(session.id) == WHOLE_LIFE[:3]


@pytest.mark.parametrize("template", ["postgres"], indirect=True)
async def test_a_locked_session_is_left_alone_and_the_others_advance(database: Database) -> None:
    first, second, third = await make_sessions(3)
    async with held(database, second):
        assert (await advance_due(at(-10))).advanced == 2
        assert (await fresh(second)).status is SessionStatus.SCHEDULED
        assert {(await fresh(row)).status for row in (first, third)} == {SessionStatus.READY}
    assert (await advance_due(at(-10))).advanced == 1


async def test_a_session_whose_move_fails_is_parked_and_holds_up_nobody() -> None:
    first, broken, third = await make_sessions(3)
    await _take_room_name_of(broken)
    swept = await advance_due(at(-10))
    assert (swept.advanced, swept.parked) == (2, 1)
    row = await fresh(broken)
    assert (row.status, row.version) == (SessionStatus.SCHEDULED, 1)
    assert row.parked_until == at(-9)
    assert "IntegrityError" in str(row.last_error)
    assert {(await fresh(row)).status for row in (first, third)} == {SessionStatus.READY}
    assert set(await work_of(broken)) == {"MAKE_MEETING"}


async def _take_room_name_of(session: Session) -> Session:
    """Give another session the room name that the meeting of this one would get."""
    await session.fetch_related("academy")
    other = await make_session(at=at(60 * 24 * 30))
    name = f"{session.academy.slug}-quran-session-{session.id}"
    await Session.filter(id=other.id).update(room_name=name)
    return other


async def test_a_parked_session_rests_a_minute_and_is_tried_again() -> None:
    session = await make_session()
    thief = await _take_room_name_of(session)
    await advance_due(at(-10))
    assert (await next_due_at(at(-9.5), at(-15)) or at(0)) > at(0)
    await Session.filter(id=thief.id).update(room_name=None)
    assert (await advance_due(at(-9.5))).advanced == 0
    assert (await advance_due(at(-9))).advanced == 1
    row = await fresh(session)
    assert row.status is SessionStatus.READY
    assert row.parked_until is None
    assert row.last_error is None


async def test_a_whole_batch_of_failing_sessions_does_not_make_the_clock_spin() -> None:
    for session in await make_sessions(3):
        await _take_room_name_of(session)
    swept = await advance_due(at(-10), limit=3)
    assert (swept.parked, swept.is_whole) == (3, True)
    assert not (await advance_due(at(-10), limit=3)).is_whole


async def _enter(session: Session, presence: Presence = Presence.IN_MEETING) -> None:
    row = await SessionParticipant.get(session_id=session.id, role="STUDENT")
    await MeetingAttendance.filter(participant_id=row.id).delete()
    joined_since_ms = to_ms(at(0)) if presence is Presence.IN_MEETING else None
    await store(row, presence=presence, joined_since_ms=joined_since_ms)


async def test_overtime_waits_for_people_and_no_longer_than_allowed() -> None:
    session = await make_session(max_overtime_minutes=30)
    await advance_due(at(0))
    await _enter(session)
    await advance_due(at(65))
    row = await fresh(session)
    assert (row.status, row.next_transition_at) == (SessionStatus.ONGOING, at(95))
    await advance_due(at(95))
    assert await is_now(session, SessionStatus.COMPLETED)


async def test_without_overtime_people_inside_hold_nothing_back() -> None:
    session = await make_session()
    await advance_due(at(0))
    await _enter(session)
    await advance_due(at(65))
    assert await is_now(session, SessionStatus.COMPLETED)


async def test_sweeping_now_and_then_ends_where_sweeping_always_ends() -> None:
    """The same few dozen sessions end alike, swept at every moment or found late."""
    chance = random.Random(11)
    plans = [(chance.randint(-200, 200), chance.randint(1, 120)) for _ in range(24)]
    watched = [await make_session(at=at(start), minutes=minutes) for start, minutes in plans]
    moments = sorted(
        {m for row in watched for m in (row.ready_at, row.scheduled_at, row.completes_at)}
    )
    for moment in moments:
        if moment <= at(30):
            await advance_due(moment)
    slept = [await make_session(at=at(start), minutes=minutes) for start, minutes in plans]
    await advance_due(at(30))
    for one, other in zip(watched, slept, strict=True):
        assert await told(one.id) == await told(other.id)
        one, other = await fresh(one), await fresh(other)
        assert (one.status, one.next_transition_at) == (other.status, other.next_transition_at)
        assert due_moves(other.timeline, at(30)) == ((), other.next_transition_at)
