"""Silence ends a stay only where we were away: then it ends at its last sign of life, in time."""

import pytest

from actions.attendance.final_result import finalise_attendance
from actions.attendance.stale_stays import expire_stays
from actions.clock.sweep import advance_due
from actions.writing.due_work import claim_due
from domain.attendance.fold import (
    AttendanceStatus,
    Confidence,
    CycleEnd,
    CycleStart,
    EventKind,
    Presence,
)
from domain.attendance.state import AttendanceState
from domain.session import WorkKind
from models import DueWork, MeetingAttendanceEvent, Session, SessionParticipant, User
from models.reading.attendance_log import window_of
from tests.support.attendance_rows import state, visits
from tests.support.classrooms import START, Classroom, at, away, ms, ready
from tests.support.livekit_events import send

pytestmark = pytest.mark.usefixtures("database")

MINUTE = 60_000


async def row(classroom: Classroom, user: User | None = None) -> AttendanceState:
    return await state(classroom.session.id, user or classroom.student)


async def look(classroom: Classroom, minutes: float) -> None:
    """A look that finds everybody inside who is known to be."""
    await Session.filter(id=classroom.session.id).update(
        room_seen_at=at(minutes), room_sid=classroom.room.sid
    )


async def planned() -> DueWork | None:
    return await DueWork.get_or_none(kind=WorkKind.EXPIRE_STAYS)


async def expire(minutes: float) -> int:
    """Do the due expiries as the clock does, and return their number."""
    claims = await claim_due(at(minutes), kinds=[WorkKind.EXPIRE_STAYS])
    for claim in claims:
        await expire_stays(claim.subject, at(minutes))
        await DueWork.filter(id=claim.id, due_at=claim.due_at).delete()
    return len(claims)


async def test_a_silent_livekit_is_believed_while_our_door_is_open() -> None:
    classroom = await ready(stale_after_minutes=1)
    await send(classroom.room.joined(classroom.stay(5)), at(5))
    assert await planned() is None
    await expire_stays(classroom.session.id, at(59))
    assert (await row(classroom)).result.presence is Presence.IN_MEETING
    await advance_due(at(65))
    await finalise_attendance(classroom.session.id, at(66))
    found = await row(classroom)
    assert (found.result.closed_ms, found.result.bounds) == (55 * MINUTE, None)
    assert found.result.status is AttendanceStatus.PRESENT


async def test_a_stay_that_nobody_confirms_after_we_were_away_ends_where_it_was_alive() -> None:
    classroom = await ready()
    await send(classroom.room.joined(classroom.stay(5)), at(5))
    await away(classroom, 10, 12)
    assert await expire(41.9) == 0
    assert (await row(classroom)).result.presence is Presence.IN_MEETING
    assert await expire(42) == 1
    found = await row(classroom)
    assert visits(found, START) == [(5 * MINUTE, 10 * MINUTE, CycleStart.JOINED, CycleEnd.STALE)]
    assert (found.result.presence, found.result.confidence) == (Presence.LEFT, Confidence.ESTIMATED)
    window = window_of(classroom.session)
    bounds = found.at_least_ms(window, ms(50)), found.at_most_ms(window, ms(50))
    assert bounds == (5 * MINUTE, 45 * MINUTE)


async def test_a_look_while_we_were_away_is_a_sign_of_life() -> None:
    classroom = await ready()
    await send(classroom.room.joined(classroom.stay(5)), at(5))
    await look(classroom, 11)
    await away(classroom, 10, 12)
    await expire(42)
    assert visits(await row(classroom), START)[0][1] == 11 * MINUTE


async def test_a_look_that_missed_them_or_did_not_know_of_them_is_none() -> None:
    classroom = await ready(students=2)
    missed, late = classroom.students
    stays = classroom.stay(0, missed), classroom.stay(0, late)
    await send(classroom.room.joined(stays[0]), START)
    await SessionParticipant.filter(user_id=missed.id).update(missed={stays[0].sid: 1})
    await look(classroom, 20)
    await send(classroom.room.joined(stays[1]), at(21))  # a join that is an hour old
    await away(classroom, 22, 23)
    await expire(53)
    assert visits(await row(classroom, missed), START)[0][1] == 22 * MINUTE
    assert visits(await row(classroom, late), START)[0][1] == 22 * MINUTE


async def test_who_joins_after_we_were_away_is_certain() -> None:
    classroom = await ready(students=2)
    first, second = classroom.students
    await send(classroom.room.joined(classroom.stay(0, first)), START)
    await away(classroom, 10, 12)
    await send(classroom.room.joined(classroom.stay(20, second)), at(20))
    await expire(42)
    assert (await row(classroom, first)).result.presence is Presence.LEFT
    assert (await row(classroom, second)).result.presence is Presence.IN_MEETING
    assert await planned() is None


async def test_each_absence_has_its_own_time() -> None:
    classroom = await ready(students=2)
    first, second = classroom.students
    await send(classroom.room.joined(classroom.stay(0, first)), START)
    await away(classroom, 1, 2)
    await send(classroom.room.joined(classroom.stay(5, second)), at(5))
    await away(classroom, 10, 12)
    await expire(32)
    assert (await row(classroom, second)).result.presence is Presence.IN_MEETING
    work = await planned()
    assert work is not None
    assert work.due_at == at(42)
    await expire(42)
    assert [visits(await row(classroom, one), START)[0][1] for one in (first, second)] == [
        1 * MINUTE,
        10 * MINUTE,
    ]


@pytest.mark.parametrize("word", ["joined", "left"])
async def test_a_late_webhook_overrides_an_expired_stay(word: str) -> None:
    classroom = await ready()
    stay = classroom.stay(0)
    await send(classroom.room.joined(stay), START)
    await away(classroom, 1, 2)
    await expire(32)
    if word == "left":
        await send(classroom.room.left(stay, at(40)), at(40))
        assert visits(await row(classroom), START)[0][1:] == (
            40 * MINUTE,
            CycleStart.JOINED,
            CycleEnd.LEFT,
        )
    else:
        await send(classroom.room.joined(classroom.stay(35)), at(35))
        found = await row(classroom)
        assert found.result.presence is Presence.IN_MEETING
        assert found.result.join_count == 2


async def test_the_academys_minutes_are_stamped_on_the_session() -> None:
    classroom = await ready(stale_after_minutes=5)
    await send(classroom.room.joined(classroom.stay(0)), START)
    await away(classroom, 1, 2)
    assert await expire(7) == 1
    assert (await row(classroom)).result.presence is Presence.LEFT


async def test_expiring_stays_twice_changes_nothing() -> None:
    classroom = await ready()
    await send(classroom.room.joined(classroom.stay(0)), START)
    await away(classroom, 1, 2)
    await expire_stays(classroom.session.id, at(32))
    version = (await classroom.now()).version
    await expire_stays(classroom.session.id, at(33))
    assert await MeetingAttendanceEvent.filter(kind=EventKind.EXPIRED).count() == 1
    assert (await classroom.now()).version == version


async def test_a_session_that_is_over_expires_nothing() -> None:
    classroom = await ready()
    await send(classroom.room.joined(classroom.stay(0)), START)
    await away(classroom, 1, 2)
    await advance_due(at(65))
    found = await row(classroom)
    assert visits(found, START)[0][1] == 1 * MINUTE
    await expire_stays(classroom.session.id, at(66))
    assert await MeetingAttendanceEvent.filter(kind=EventKind.EXPIRED).count() == 0


async def test_a_stale_stay_is_written_as_of_the_moment_it_became_stale() -> None:
    """The clock may come days late: its line must not be too far from the session to be folded."""
    classroom = await ready()
    await send(classroom.room.joined(classroom.stay(0)), START)
    await away(classroom, 1, 2)
    await expire_stays(classroom.session.id, at(60 * 48))
    line = await MeetingAttendanceEvent.get(kind=EventKind.EXPIRED)
    assert line.occurred_ms == ms(32)
    assert (await row(classroom)).result.presence is Presence.LEFT
