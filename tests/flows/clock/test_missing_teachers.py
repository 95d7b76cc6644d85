"""A teacher who has not come is told of once, and shown for as long as it is so."""

import asyncio
from datetime import datetime
from typing import Any

import pytest

from actions.attendance.missing_teacher import tell_missing_teacher
from actions.clock.sweep import advance_due
from actions.rooms.meeting_end import end_meeting
from actions.sessions.session_cancel import cancel_session
from actions.sessions.session_reschedule import reschedule_session
from actions.sessions.session_status import change_session_status
from actions.sessions.session_update import update_session
from actions.writing.due_work import claim_due
from domain.access import UserRole, Viewer
from domain.session import WorkKind
from domain.status import SessionStatus
from domain.stuck import Stuck, StuckReason
from gateways.livekit import LiveKit
from models import DueWork, SessionEvent, User
from models.reading.clock_status import read_clock_status
from models.reading.stuck import find_stuck, read_signs, stuck_of
from schema.types.ids import Kind, encode
from tests.support import make
from tests.support.asking import Asker, payload
from tests.support.classrooms import Classroom, at, ready, scheduled
from tests.support.livekit_events import send
from tests.support.streams import streaming

pytestmark = pytest.mark.usefixtures("database")

MISSING = Stuck(StuckReason.NO_TEACHER, at(15), None)


async def shown(classroom: Classroom, now: datetime) -> Stuck | None:
    """The trouble that the session itself shows; the list must say the same."""
    row = await classroom.now()
    await type(row).filter(id=row.id).update(room_ready_at=now)
    row = await classroom.now()
    found = stuck_of(row, (await read_signs([row.id]))[row.id], now)
    listed = {one.id: why async for one, why in find_stuck(0, now)}
    assert listed.get(row.id) == found
    return found


async def due(classroom: Classroom) -> datetime | None:
    work = await DueWork.get_or_none(kind=WorkKind.MISS_TEACHER, subject=classroom.session.id)
    return work.due_at if work else None


async def told(classroom: Classroom) -> list[int]:
    """The teachers who were told to be missing."""
    rows = SessionEvent.filter(session_id=classroom.session.id, kind="TEACHER_MISSING")
    return [event.payload["teacher_id"] for event in await rows.order_by("id")]


async def tell(classroom: Classroom, now: datetime) -> None:
    await tell_missing_teacher(classroom.session.id, now)


async def come(classroom: Classroom, since: float, until: float | None = None) -> None:
    stay = classroom.stay(since, classroom.teacher)
    await send(classroom.room.joined(stay), at(since))
    if until is not None:
        await send(classroom.room.left(stay, at(until)), at(until))


async def admin_of(classroom: Classroom) -> Viewer:
    return make.viewer(await make.user(await classroom.session.academy, UserRole.ACADEMY_ADMIN))


async def test_a_teacher_who_does_not_come_is_missing_from_the_grace_on_until_the_end() -> None:
    classroom = await ready()
    await advance_due(at(0))
    assert await due(classroom) == at(15)
    assert await shown(classroom, at(14, 59.9)) is None
    assert await shown(classroom, at(15)) == MISSING
    await tell(classroom, at(15))
    assert await told(classroom) == [classroom.teacher.id]
    assert await shown(classroom, at(59, 59)) == MISSING
    assert await shown(classroom, at(60)) is None


async def test_the_clock_claims_it_on_its_date_and_it_is_told_once() -> None:
    classroom = await ready()
    await advance_due(at(0))
    kinds = (WorkKind.MISS_TEACHER,)
    assert await claim_due(at(14, 59), kinds=kinds) == []
    (claim,) = await claim_due(at(15), kinds=kinds)
    assert (claim.subject, claim.due_at) == (classroom.session.id, at(15))
    await asyncio.gather(*(tell(classroom, at(15, second)) for second in range(4)))
    await tell(classroom, at(20))
    assert await told(classroom) == [classroom.teacher.id]


async def test_who_comes_late_is_shown_until_they_come() -> None:
    classroom = await ready()
    await advance_due(at(0))
    await tell(classroom, at(16))
    assert await shown(classroom, at(20)) == MISSING
    await come(classroom, 21, 30)
    assert await shown(classroom, at(22)) is None
    assert await shown(classroom, at(50)) is None  # gone again: they had come
    assert len(await told(classroom)) == 1


async def test_a_clock_that_was_down_tells_it_late_and_only_if_it_is_still_true() -> None:
    stays_away, comes, ends = await ready(), await ready(), await ready()
    await advance_due(at(0))
    await come(comes, 25)
    for classroom in (stays_away, comes):
        await tell(classroom, at(40))
    await tell(ends, at(60))
    assert [len(await told(one)) for one in (stays_away, comes, ends)] == [1, 0, 0]


async def test_a_look_before_the_class_is_no_coming_and_a_stay_into_it_is() -> None:
    looks, stays = await ready(), await ready()
    await come(looks, -9, -2)
    await come(stays, -9)
    assert (await shown(looks, at(15)), await shown(stays, at(15))) == (MISSING, None)
    for classroom in (looks, stays):
        await tell(classroom, at(15))
    assert [len(await told(one)) for one in (looks, stays)] == [1, 0]


async def test_others_in_the_class_do_not_stand_for_the_teacher() -> None:
    classroom = await ready(2)
    await send(classroom.room.joined(classroom.stay(0)), at(0))
    colleague = await make.teacher(await classroom.session.academy)
    await send(classroom.room.joined(classroom.stay(1, colleague)), at(1))
    assert await shown(classroom, at(15)) == MISSING


async def test_without_a_grace_the_teacher_is_missing_from_the_start() -> None:
    classroom = await ready(late_after_minutes=0)
    assert await shown(classroom, at(-1)) is None
    await advance_due(at(0))
    assert await due(classroom) == at(0)
    await tell(classroom, at(0))
    assert len(await told(classroom)) == 1
    assert await shown(classroom, at(0)) == Stuck(StuckReason.NO_TEACHER, at(0), None)


async def test_a_grace_longer_than_the_class_never_misses_anybody() -> None:
    classroom = await ready(minutes=10)
    await advance_due(at(0))
    assert await due(classroom) is None
    assert await shown(classroom, at(9)) is None


async def test_a_class_that_began_early_waits_for_its_own_start() -> None:
    classroom = await ready()
    await send(classroom.room.joined(classroom.stay(-9)), at(-9))
    assert (await classroom.now()).status is SessionStatus.ONGOING
    assert await due(classroom) == at(15)
    await reschedule_session(await admin_of(classroom), classroom.session.id, at(100), None, at(-5))
    assert await due(classroom) is None
    await tell(classroom, at(15))
    assert await told(classroom) == []
    await advance_due(at(100))
    assert await due(classroom) == at(115)


async def test_nothing_waits_for_a_class_that_is_cancelled_ended_or_found_too_late(
    livekit: LiveKit,
) -> None:
    cancelled, ended, found_late = await ready(), await ready(), await scheduled()
    await advance_due(at(0))
    await cancel_session(await admin_of(cancelled), cancelled.session.id, None, at(5))
    await end_meeting(livekit, await admin_of(ended), ended.session.id, at(5))
    await DueWork.filter(subject=found_late.session.id).delete()
    await (
        type(found_late.session)
        .filter(id=found_late.session.id)
        .update(status=SessionStatus.SCHEDULED, next_transition_at=at(-10))
    )
    await advance_due(at(61))
    for classroom in (cancelled, ended, found_late):
        assert await due(classroom) is None
        await tell(classroom, at(61))
        assert await told(classroom) == []


async def test_a_substitute_counts_and_it_is_told_once_a_session() -> None:
    classroom = await ready()
    admin, academy = await admin_of(classroom), await classroom.session.academy
    first, second = await make.teacher(academy), await make.teacher(academy)
    await come(classroom, 0)
    await tell(classroom, at(15))
    assert (await told(classroom), await shown(classroom, at(20))) == ([], None)
    await DueWork.filter(kind=WorkKind.MISS_TEACHER).delete()
    await update_session(admin, classroom.session.id, {"teacher_id": first.id}, at(30))
    assert await due(classroom) == at(30)
    assert await shown(classroom, at(30)) == MISSING
    await tell(classroom, at(30))
    await update_session(admin, classroom.session.id, {"teacher_id": second.id}, at(31))
    await tell(classroom, at(31))
    assert await told(classroom) == [first.id]
    await send(classroom.room.joined(classroom.stay(32, second)), at(32))
    assert await shown(classroom, at(33)) is None


async def test_a_status_given_by_hand_has_the_same_effect() -> None:
    classroom = await scheduled()
    admin = await admin_of(classroom)
    await change_session_status(admin, classroom.session.id, SessionStatus.ONGOING, None, at(-100))
    assert await due(classroom) == at(15)


async def test_it_is_no_trouble_of_the_system() -> None:
    classroom = await ready()
    await advance_due(at(0))
    await DueWork.all().delete()
    status = await read_clock_status(at(20))
    assert await shown(classroom, at(20)) == MISSING
    numbers = (status.overdue_sessions, status.overdue_work, status.failed_work)
    assert numbers == (0, 0, 0)


READ = """
query ($id: ID!) {
  session(id: $id) { stuck { reason since detail } history(first: 50) { nodes { __typename
    ... on TeacherMissing { sequence occurredAt cursor teacher { id } } } } }
}
"""


async def test_those_who_manage_the_session_read_who_was_missing_and_others_do_not(
    asker: Asker,
) -> None:
    classroom = await ready()
    await advance_due(at(0))
    await type(classroom.session).all().update(room_ready_at=at(14))
    await tell(classroom, at(15))
    number = encode(Kind.SESSION, classroom.session.id)
    admin = await User.get(id=(await admin_of(classroom)).user_id)

    async def read(viewer: User) -> tuple[Any, list[Any]]:
        said = payload(await asker.ask(READ, viewer, now=at(16), id=number))
        nodes = said["history"]["nodes"]
        return said["stuck"], [one for one in nodes if one["__typename"] == "TeacherMissing"]

    for viewer in (admin, classroom.teacher):
        stuck, (event,) = await read(viewer)
        assert stuck["reason"] == "NO_TEACHER"
        assert stuck["since"] == "2026-03-02T11:15:00.000Z"
        assert event["teacher"] == {"id": encode(Kind.USER, classroom.teacher.id)}
    stuck, events = await read(classroom.student)
    assert (stuck["reason"], events) == ("NO_TEACHER", [])


WATCH = """
subscription ($id: ID!) { sessionEvents(sessionId: $id) {
  __typename ... on TeacherMissing { teacher { id } } ... on StatusChanged { to }
} }
"""


async def test_it_is_pushed_to_those_who_manage_the_session_alone() -> None:
    classroom = await ready()
    await advance_due(at(0))
    number = encode(Kind.SESSION, classroom.session.id)
    async with streaming(at(15)) as streams:
        staff = streams.stream(WATCH, classroom.teacher, id=number)
        other = streams.stream(WATCH, classroom.student, id=number)
        async with staff as manager, other as student:
            for stream in (manager, student):
                assert (await stream.next())["__typename"] == "SessionSnapshot"
            await tell(classroom, at(15))
            assert await manager.next() == {
                "__typename": "TeacherMissing",
                "teacher": {"id": encode(Kind.USER, classroom.teacher.id)},
            }
            await cancel_session(await admin_of(classroom), classroom.session.id, None, at(16))
            for stream in (manager, student):
                assert await stream.next() == {"__typename": "StatusChanged", "to": "CANCELLED"}
