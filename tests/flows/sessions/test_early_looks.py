"""A session that began before its time can be moved; one that began is cancelled by the academy."""

from datetime import datetime

import pytest

from actions.attendance.final_result import finalise_attendance
from actions.attendance.overrides import Wish, override_attendance
from actions.attendance.recalculation import recalculate_session
from actions.clock.sweep import advance_due
from actions.rooms.meeting_end import end_meeting
from actions.rooms.reconciler import reconcile_rooms
from actions.rooms.room import delete_room, make_room
from actions.sessions.session_cancel import cancel_session, cancel_sessions
from actions.sessions.session_reschedule import reschedule_session
from actions.sessions.session_status import change_session_status
from domain.access import UserRole, Viewer
from domain.attendance.fold import AttendanceStatus, Presence
from domain.errors import DomainError, ErrorCode, RefusedError
from domain.session import WorkKind
from domain.status import SessionStatus
from gateways.livekit import LiveKit
from models import DueWork, MeetingAttendanceEvent, Session, SessionParticipant
from models.reading.attendance_log import held_ms
from schema.types.ids import Kind, encode
from tests.support import make
from tests.support.asking import Asker, payload
from tests.support.attendance_rows import state
from tests.support.classrooms import Classroom, at, ready
from tests.support.livekit_events import Room, Stay, send
from tests.support.livekit_stub import LiveKitStub
from tests.support.streams import streaming
from tests.support.ticking import told

pytestmark = pytest.mark.usefixtures("database")

ONGOING, CANCELLED, SCHEDULED = (
    SessionStatus.ONGOING,
    SessionStatus.CANCELLED,
    SessionStatus.SCHEDULED,
)


async def who(classroom: Classroom, role: UserRole) -> Viewer:
    if role is UserRole.TEACHER:
        return make.viewer(classroom.teacher)
    academy = None if role is UserRole.SUPER_ADMIN else await classroom.session.academy
    return make.viewer(await make.user(academy, role))


async def begun(students: int = 1, minute: float = -9) -> Classroom:
    """Its first student came nine minutes before the start, and is inside."""
    classroom = await ready(students)
    await send(classroom.room.started(), at(-9))
    await send(classroom.room.joined(classroom.stay(minute)), at(minute))
    assert (await classroom.now()).status is ONGOING
    return classroom


async def later(classroom: Classroom, minutes: float, now: float = -5) -> Session:
    teacher = make.viewer(classroom.teacher)
    return await reschedule_session(teacher, classroom.session.id, at(minutes), None, at(now))


async def refusal(work: object) -> ErrorCode | None:
    try:
        await work  # type: ignore[misc]
    except DomainError as error:
        return error.code
    except RefusedError as refused:
        return refused.errors[0].code
    return None


async def makes_work(classroom: Classroom, kind: WorkKind) -> datetime | None:
    work = await DueWork.get_or_none(kind=kind, subject=classroom.session.id)
    return work.due_at if work else None


# --- moved


async def test_a_session_that_began_early_is_moved_and_nothing_is_left_of_its_beginning() -> None:
    classroom = await begun()
    row = await later(classroom, 120)
    assert (row.status, row.scheduled_at, row.next_transition_at) == (SCHEDULED, at(120), at(110))
    assert (row.started_at, row.opened_at, row.room_sid, row.room_ready_at) == (None,) * 4
    assert (await told(row.id))[-3:] == ["SCHEDULED", "RESCHEDULED", "PRESENCE_CHANGED"]
    assert await makes_work(classroom, WorkKind.DELETE_ROOM) == at(-5)
    found = await state(row.id, classroom.student)
    assert (found.result.presence, found.result.join_count) == (Presence.NOT_JOINED, 0)
    assert await MeetingAttendanceEvent.filter(session_id=row.id).count() == 2


async def test_from_its_scheduled_start_on_it_is_not_moved_by_anybody() -> None:
    classroom = await begun()
    for role in (UserRole.TEACHER, UserRole.ACADEMY_ADMIN, UserRole.SUPER_ADMIN):
        asked = reschedule_session(
            await who(classroom, role), classroom.session.id, at(200), None, at(0)
        )
        assert await refusal(asked) is ErrorCode.WRONG_STATUS
    assert (await classroom.now()).status is ONGOING


async def test_who_was_there_before_the_move_is_absent_from_the_session_that_it_became() -> None:
    classroom = await begun()
    row = await later(classroom, 120)
    room = Room(row, at(111))
    await advance_due(at(110))
    await send(room.started(), at(111))
    await send(room.joined(classroom.stay(112, classroom.teacher)), at(112))
    await advance_due(at(185))
    await finalise_attendance(row.id, at(186))
    found = await state(row.id, classroom.student)
    assert (found.result.status, found.has_joined) == (AttendanceStatus.ABSENT, False)
    assert (await classroom.now()).status is SessionStatus.ABSENT
    assert (await recalculate_session(row.id, at(190))).rows == 0


async def test_who_comes_after_the_move_is_judged_by_that_alone() -> None:
    classroom = await begun()
    row = await later(classroom, 120)
    await send(classroom.room.finished(at(-4)), at(-4))
    await advance_due(at(110))
    await advance_due(at(120))
    room, stay = Room(row, at(111)), classroom.stay(121)
    await send(room.started(), at(111))
    await send(room.joined(stay), at(121))
    opened = await classroom.now()
    assert (opened.status, opened.started_at) == (ONGOING, at(120))
    await advance_due(at(185))
    await finalise_attendance(row.id, at(186))
    result = (await state(row.id, classroom.student)).result
    assert (result.status, result.join_count) == (AttendanceStatus.PRESENT, 1)
    assert (await recalculate_session(row.id, at(190))).rows == 0


@pytest.mark.parametrize("minutes", [120, 4])
async def test_a_leave_of_the_old_room_starts_nothing_and_nobody_has_come(minutes: float) -> None:
    classroom = await ready()
    stay = classroom.stay(-9)
    await send(classroom.room.joined(stay), at(-9))
    await send(classroom.room.left(stay, at(-6)), at(-6))
    await later(classroom, minutes)
    if minutes > 100:
        await advance_due(at(minutes - 10))
    now = at(max(-5, minutes - 10), 2)
    await send(classroom.room.aborted(classroom.stay(-8, classroom.teacher), at(-7)), now)
    await send(classroom.room.left(classroom.stay(-8, classroom.teacher), at(-7)), now)
    row = await classroom.now()
    assert row.status is SessionStatus.READY
    for person in (classroom.student, classroom.teacher):
        assert not (await state(row.id, person)).has_joined
    assert (await recalculate_session(row.id, now)).rows == 0


async def test_who_is_inside_when_it_opens_again_at_once_is_there(
    stub: LiveKitStub, livekit: LiveKit
) -> None:
    classroom = await ready()
    await make_room(livekit, classroom.session.id, at(-9))
    row = await classroom.now()
    room = Room(row, at(-9), sid=str(row.room_sid))
    identity = f"{classroom.student.id}_Student"
    person = stub.enter(str(row.room_name), identity)
    await send(room.joined(Stay(classroom.student, at(-8), person.sid)), at(-8))
    row = await later(classroom, 3)
    assert row.status is SessionStatus.READY
    await delete_room(livekit, row.id, at(-5))  # it is open again: the room stays
    await reconcile_rooms(livekit, at(-4))
    found = await state(row.id, classroom.student)
    assert (found.result.presence, found.result.join_count) == (Presence.IN_MEETING, 1)
    assert (await recalculate_session(row.id, at(-4))).rows == 0


async def test_a_room_that_is_made_again_while_the_session_waits_is_deleted() -> None:
    classroom = await begun()
    row = await later(classroom, 120)
    await DueWork.filter(kind=WorkKind.DELETE_ROOM).delete()
    again = Room(row, at(-3))
    await send(again.joined(classroom.stay(-3)), at(-3))
    assert await makes_work(classroom, WorkKind.DELETE_ROOM) == at(-3)
    assert (await classroom.now()).status is SCHEDULED
    assert not (await state(row.id, classroom.student)).has_joined


async def test_a_leave_that_is_lost_with_the_old_room_leaves_nobody_inside_the_next() -> None:
    classroom = await begun()
    row = await later(classroom, 120)
    await advance_due(at(110))
    await send(Room(row, at(111)).started(), at(111))
    found = await state(row.id, classroom.student)
    assert (found.result.presence, found.has_joined) == (Presence.NOT_JOINED, False)
    assert (await classroom.now()).status is SessionStatus.READY
    assert (await recalculate_session(row.id, at(112))).rows == 0


async def test_who_only_looks_in_and_is_found_by_a_look_at_livekit_starts_nothing(
    stub: LiveKitStub, livekit: LiveKit
) -> None:
    classroom = await ready()
    await make_room(livekit, classroom.session.id, at(-9))
    row = await classroom.now()
    guests = [await who(classroom, UserRole.SUPERVISOR), await who(classroom, UserRole.PARENT)]
    for guest in guests:
        stub.enter(str(row.room_name), f"{guest.user_id}_Guest")
    await reconcile_rooms(livekit, at(-8))
    rows = SessionParticipant.filter(session_id=row.id, user_id__in=[one.user_id for one in guests])
    assert await rows.count() > 0
    assert (await classroom.now()).status is SessionStatus.READY


async def test_a_session_that_an_admin_began_hours_before_is_moved_too() -> None:
    classroom = await ready()
    admin = await who(classroom, UserRole.ACADEMY_ADMIN)
    await reschedule_session(admin, classroom.session.id, at(300), None, at(-9))
    await change_session_status(admin, classroom.session.id, ONGOING, None, at(-8))
    row = await reschedule_session(admin, classroom.session.id, at(400), None, at(100))
    assert (row.status, row.started_at, row.next_transition_at) == (SCHEDULED, None, at(390))


# --- cancelled


@pytest.mark.parametrize(
    ("role", "minute", "expected", "is_by_clock"),
    [
        (UserRole.TEACHER, -1, None, False),
        (UserRole.TEACHER, 0, ErrorCode.FORBIDDEN, False),
        (UserRole.TEACHER, 59, ErrorCode.FORBIDDEN, True),
        (UserRole.TEACHER, 60, ErrorCode.WRONG_STATUS, True),
        (UserRole.SUPERVISOR, 0, None, True),
        (UserRole.ACADEMY_ADMIN, 30, None, True),
        (UserRole.SUPER_ADMIN, 59, None, False),
        (UserRole.SUPER_ADMIN, 60, ErrorCode.WRONG_STATUS, True),
    ],
)
async def test_a_session_that_began_is_cancelled_by_the_hour_and_the_role(
    role: UserRole, minute: float, expected: ErrorCode | None, is_by_clock: bool
) -> None:
    classroom = await ready() if is_by_clock else await begun()
    await advance_due(min(at(0), at(minute)))
    before = (await classroom.now()).version
    viewer = await who(classroom, role)
    asked = cancel_session(viewer, classroom.session.id, "Ill", at(minute))
    assert await refusal(asked) is expected
    row = await classroom.now()
    assert (row.status is CANCELLED) is (expected is None)
    assert row.version == before or expected is None


async def test_all_ways_to_cancel_keep_the_same_rule() -> None:
    for minute, expected in ((-1, None), (30, None), (60, ErrorCode.WRONG_STATUS)):
        one, many = await begun(), await begun()
        await advance_due(min(at(0), at(minute)))
        admin = await who(one, UserRole.SUPER_ADMIN)
        changed = change_session_status(admin, one.session.id, CANCELLED, None, at(minute))
        assert await refusal(changed) is expected
        cancelled = cancel_sessions(admin, [many.session.id], None, at(minute))
        assert await refusal(cancelled) is expected


async def test_a_cancelled_class_keeps_its_stays_and_gives_nobody_a_status() -> None:
    classroom = await begun(2)
    here, excused = classroom.students
    await advance_due(at(0))
    wish = Wish(AttendanceStatus.EXCUSED, "Ill")
    admin = await who(classroom, UserRole.ACADEMY_ADMIN)
    await override_attendance(admin, classroom.session.id, excused.id, wish, at(5))
    await cancel_session(admin, classroom.session.id, "Fire", at(40))
    row = await classroom.now()
    assert (row.ended_at, row.meeting_ended_at, row.next_transition_at) == (at(40), at(40), None)
    assert await makes_work(classroom, WorkKind.DELETE_ROOM) == at(40)
    assert await makes_work(classroom, WorkKind.FINALISE_ATTENDANCE) is None
    assert held_ms(row) is None
    await finalise_attendance(row.id, at(41))
    result = (await state(row.id, here)).result
    assert (result.presence, result.status, result.join_count) == (Presence.LEFT, None, 1)
    result = (await state(row.id, excused)).result
    assert (result.status, result.override is not None) == (None, True)
    assert (await classroom.now()).finalised_at is None
    assert (await recalculate_session(row.id, at(50))).rows == 0


READ = """
query ($id: ID!) { session(id: $id) { status heldSeconds joinableFrom
  attendances { nodes { status percentage totalSeconds presence } }
  attendanceStatistics { averagePercentage absent present excused inMeeting } } }
"""


async def test_clients_read_no_percentage_of_a_class_that_was_cancelled(asker: Asker) -> None:
    classroom = await begun(2)
    await advance_due(at(0))
    admin = await make.user(await classroom.session.academy, UserRole.ACADEMY_ADMIN)
    await cancel_session(make.viewer(admin), classroom.session.id, "Fire", at(40))
    number = encode(Kind.SESSION, classroom.session.id)
    said = payload(await asker.ask(READ, admin, now=at(41), id=number))
    assert (said["status"], said["heldSeconds"], said["joinableFrom"]) == ("CANCELLED", None, None)
    rows = said["attendances"]["nodes"]
    assert {(one["status"], one["percentage"]) for one in rows} == {(None, 0.0)}
    assert sorted(one["totalSeconds"] for one in rows) == [0, 0, 40 * 60]
    assert set(said["attendanceStatistics"].values()) == {0}


async def test_watchers_see_everybody_leave_and_the_stream_end_when_it_is_cancelled() -> None:
    classroom = await begun()
    await advance_due(at(0))
    admin = await who(classroom, UserRole.ACADEMY_ADMIN)
    async with (
        streaming(at(20)) as streams,
        streams.presence(classroom.session.id, classroom.teacher) as watcher,
    ):
        rows = (await watcher.next())["attendances"]
        assert [one["presence"] for one in rows if one["isExpected"]] == ["IN_MEETING"]
        await cancel_session(admin, classroom.session.id, None, at(20))
        (left,) = (await watcher.next())["changes"]
        assert (left["presence"], left["status"], left["isFinal"]) == ("LEFT", None, False)
        assert await watcher.is_over()
        async with streams.presence(classroom.session.id, classroom.teacher) as later_on:
            assert (await later_on.next())["session"]["status"] == "CANCELLED"
            assert await later_on.is_over()


async def test_watchers_see_that_nobody_has_come_to_a_session_that_is_moved() -> None:
    classroom = await begun()
    async with (
        streaming(at(-5)) as streams,
        streams.presence(classroom.session.id, classroom.teacher) as watcher,
    ):
        await watcher.next()
        await later(classroom, 120)
        change = await watcher.next()
        (row,) = change["changes"]
        assert (row["presence"], row["joinCount"]) == ("NOT_JOINED", 0)
        assert change["statistics"] == {"inMeeting": 0, "participants": 0}


async def test_a_private_student_is_not_absent_from_a_class_that_was_cancelled() -> None:
    classroom = await ready()
    await send(classroom.room.started(), at(-9))
    await advance_due(at(0))
    admin = await who(classroom, UserRole.SUPERVISOR)
    await cancel_session(admin, classroom.session.id, None, at(20))
    await finalise_attendance(classroom.session.id, at(21))
    assert (await classroom.now()).status is CANCELLED
    assert (await state(classroom.session.id, classroom.student)).result.status is None


async def test_ending_a_session_before_its_start_makes_nobody_absent(livekit: LiveKit) -> None:
    for students in (1, 4):
        classroom = await begun(students)
        teacher = make.viewer(classroom.teacher)
        await end_meeting(livekit, teacher, classroom.session.id, at(-2))
        await finalise_attendance(classroom.session.id, at(-1))
        assert (await classroom.now()).status is SessionStatus.COMPLETED
        rows = await SessionParticipant.filter(session_id=classroom.session.id)
        assert len(rows) == students + 1
        for person in classroom.students:
            assert (await state(classroom.session.id, person)).result.status is None
