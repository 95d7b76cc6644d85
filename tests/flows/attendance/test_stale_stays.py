"""A stay that nothing confirms any more ends at its last sign of life, and says so."""

import pytest

from actions.attendance.stale_stays import expire_stays
from actions.clock.sweep import advance_due
from actions.writing.due_work import claim_due
from domain.attendance.fold import Confidence, CycleEnd, CycleStart, EventKind, Presence
from domain.attendance.state import AttendanceState
from domain.session import WorkKind
from models import DueWork, MeetingAttendanceEvent, Session, SessionParticipant, User
from tests.support.attendance_rows import state, visits
from tests.support.classrooms import START, Classroom, at, ready
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


async def test_a_stay_of_which_nothing_is_heard_ends_where_it_was_last_alive() -> None:
    classroom = await ready()
    await send(classroom.room.joined(classroom.stay(5)), at(5))
    assert await expire(34.9) == 0
    assert (await row(classroom)).result.presence is Presence.IN_MEETING
    assert await expire(35) == 1
    found = await row(classroom)
    assert visits(found, START) == [(5 * MINUTE, 5 * MINUTE, CycleStart.JOINED, CycleEnd.STALE)]
    assert (found.result.presence, found.result.confidence) == (Presence.LEFT, Confidence.ESTIMATED)


async def test_a_look_is_a_sign_of_life() -> None:
    classroom = await ready()
    await send(classroom.room.joined(classroom.stay(5)), at(5))
    await look(classroom, 25)
    await expire(35)
    assert (await row(classroom)).result.presence is Presence.IN_MEETING
    work = await planned()
    assert work is not None
    assert work.due_at == at(55)
    await expire(55)
    assert visits(await row(classroom), START)[0][1] == 25 * MINUTE


async def test_a_look_that_missed_them_or_did_not_know_of_them_is_none() -> None:
    classroom = await ready(students=2)
    missed, late = classroom.students
    stays = classroom.stay(0, missed), classroom.stay(0, late)
    await send(classroom.room.joined(stays[0]), START)
    await SessionParticipant.filter(user_id=missed.id).update(missed={stays[0].sid: 1})
    await look(classroom, 20)
    await send(classroom.room.joined(stays[1]), at(21))  # a join that is an hour old
    await expire(50)
    assert visits(await row(classroom, missed), START)[0][1] == 0
    assert visits(await row(classroom, late), START)[0][1] == 0


async def test_a_later_join_does_not_prolong_the_stale_stay_of_another() -> None:
    classroom = await ready(students=2)
    first, second = classroom.students
    await send(classroom.room.joined(classroom.stay(0, first)), START)
    await send(classroom.room.joined(classroom.stay(20, second)), at(20))
    await expire(30)
    assert (await row(classroom, first)).result.presence is Presence.LEFT
    assert (await row(classroom, second)).result.presence is Presence.IN_MEETING
    work = await planned()
    assert work is not None
    assert work.due_at == at(50)
    await expire(50)
    assert (await row(classroom, second)).result.presence is Presence.LEFT
    assert await planned() is None


async def test_a_stay_that_opens_while_others_are_looked_through_is_looked_at_too() -> None:
    classroom = await ready(students=2)
    first, second = classroom.students
    await send(classroom.room.joined(classroom.stay(0, first)), START)
    [claim] = await claim_due(at(30), kinds=[WorkKind.EXPIRE_STAYS])
    await expire_stays(claim.subject, at(30))
    await send(classroom.room.joined(classroom.stay(30, second)), at(30, 1))
    still = DueWork.filter(id=claim.id, due_at=claim.due_at, claimed_until=claim.claimed_until)
    assert not await still.exists()  # its holder cannot delete the new one
    assert (await DueWork.get(id=claim.id)).due_at == at(60, 1)


@pytest.mark.parametrize("word", ["joined", "left"])
async def test_a_late_webhook_overrides_an_expired_stay(word: str) -> None:
    classroom = await ready()
    stay = classroom.stay(0)
    await send(classroom.room.joined(stay), START)
    await expire(30)
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
        work = await planned()
        assert work is not None
        assert work.due_at == at(65)


async def test_the_academys_minutes_are_stamped_on_the_session() -> None:
    classroom = await ready(stale_after_minutes=5)
    await send(classroom.room.joined(classroom.stay(0)), START)
    assert await expire(5) == 1
    assert (await row(classroom)).result.presence is Presence.LEFT


async def test_expiring_stays_twice_changes_nothing() -> None:
    classroom = await ready()
    await send(classroom.room.joined(classroom.stay(0)), START)
    await expire_stays(classroom.session.id, at(30))
    version = (await classroom.now()).version
    await expire_stays(classroom.session.id, at(31))
    expired = MeetingAttendanceEvent.filter(kind=EventKind.EXPIRED)
    assert await expired.count() == 1
    assert (await classroom.now()).version == version

    other = await ready()
    await send(other.room.joined(other.stay(0)), START)
    await advance_due(at(65))
    assert (await row(other)).result.presence is Presence.LEFT
    await expire_stays(other.session.id, at(66))
    assert await expired.count() == 1


async def test_a_stale_stay_is_written_as_of_the_moment_it_became_stale() -> None:
    """The clock may come days late: its line must not be too far from the session to be folded."""
    classroom = await ready()
    await send(classroom.room.joined(classroom.stay(0)), START)
    await expire_stays(classroom.session.id, at(60 * 48))
    line = await MeetingAttendanceEvent.get(kind=EventKind.EXPIRED)
    assert (line.occurred_ms - (line.alive_ms or 0)) == 30 * MINUTE
    assert (await row(classroom)).result.presence is Presence.LEFT
