"""People reschedule, cancel and end scheduled sessions, and change their people."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from actions.academies.group_upsert import GroupEntry, MemberInput, upsert_groups
from actions.academies.video_settings import update_video_settings
from actions.clock.sweep import advance_due
from actions.sessions.session_cancel import cancel_session
from actions.sessions.session_reschedule import reschedule_session
from actions.sessions.session_status import change_session_status
from actions.webhooks.notices import record_notice
from domain.access import UserRole, Viewer
from domain.attendance.fold import EventKind, EventSource, Presence
from domain.errors import ForbiddenError, InvalidInputError, WrongStatusError
from domain.meeting import MeetingOptions
from domain.session import GroupKind, MembershipSource
from domain.status import SessionStatus
from gateways.livekit_webhooks import Notice
from models import (
    Academy,
    DueWork,
    MeetingAttendance,
    MeetingAttendanceEvent,
    Session,
    SessionEvent,
    SessionParticipant,
    User,
)
from tests.support import make
from tests.support.attendance_rows import store
from tests.support.ticking import stream, told

pytestmark = pytest.mark.usefixtures("database")

ELEVEN = make.ELEVEN


def at(minutes: float) -> datetime:
    return ELEVEN + timedelta(minutes=minutes)


async def make_session(**values: Any) -> tuple[Session, Viewer]:
    """A private session, and an admin of its academy."""
    academy = await make.academy(**values)
    teacher, student = await make.teacher(academy), await make.student(academy)
    session = await make.session(academy, teacher, student=student)
    return session, await admin_of(academy)


async def admin_of(academy: Academy) -> Viewer:
    return make.viewer(await make.user(academy, UserRole.ACADEMY_ADMIN))


async def fresh(session: Session) -> Session:
    return await Session.get(id=session.id)


async def kinds_of_work(session: Session) -> set[str]:
    return {work.kind.value for work in await DueWork.filter(subject=session.id)}


async def test_a_ready_session_that_is_rescheduled_goes_back_and_its_timers_move() -> None:
    session, admin = await make_session()
    await advance_due(at(-10))
    answer = await reschedule_session(admin, session.id, at(120), 90, at(-5))
    row = await fresh(session)
    assert (answer.status, row.status) == (SessionStatus.SCHEDULED, SessionStatus.SCHEDULED)
    assert (row.ready_at, row.next_transition_at) == (at(110), at(110))
    assert (row.ends_at, row.completes_at, row.duration_minutes) == (at(210), at(215), 90)
    assert (row.opened_at, row.meeting_expires_at) == (None, at(270))
    assert MeetingOptions.from_dict(row.meeting_options or {}).max_duration_minutes == 150
    expected = ["SCHEDULED", "READY", "MEETING_CREATED", "SCHEDULED", "RESCHEDULED"]
    assert await told(session.id) == expected
    assert "DELETE_ROOM" in await kinds_of_work(session)
    await advance_due(at(0))
    assert (await fresh(session)).status is SessionStatus.SCHEDULED
    await advance_due(at(110))
    row = await fresh(session)
    assert (row.status, row.room_name) == (SessionStatus.READY, answer.room_name)
    assert (await told(session.id)).count("MEETING_CREATED") == 1


async def test_a_session_rescheduled_into_the_preparation_is_ready_in_the_same_answer() -> None:
    session, admin = await make_session()
    answer = await reschedule_session(admin, session.id, at(-50), None, at(-55))
    assert answer.status is SessionStatus.READY
    assert answer.meeting_link
    assert await told(session.id) == ["SCHEDULED", "RESCHEDULED", "READY", "MEETING_CREATED"]
    again = await reschedule_session(admin, session.id, at(-51), None, at(-54))
    assert again.status is SessionStatus.READY
    assert (await fresh(session)).next_transition_at == at(-51)


async def test_a_session_is_not_rescheduled_from_its_start_on_even_if_no_clock_said_so() -> None:
    session, admin = await make_session()
    with pytest.raises(WrongStatusError):
        await reschedule_session(admin, session.id, at(300), None, at(1))
    await advance_due(at(0))
    before = await fresh(session)
    with pytest.raises(WrongStatusError):
        await reschedule_session(admin, session.id, at(300), None, at(1))
    assert (await fresh(session)).version == before.version


async def test_a_session_is_not_rescheduled_into_the_past() -> None:
    session, admin = await make_session()
    with pytest.raises(InvalidInputError) as refused:
        await reschedule_session(admin, session.id, at(-120), 30, at(-60))
    assert refused.value.field == ("scheduledAt",)


@pytest.mark.parametrize("reason", ["", " \n", None])
async def test_an_empty_reason_is_none(reason: str | None) -> None:
    session, admin = await make_session()
    row = await cancel_session(admin, session.id, reason, at(-60))
    assert row.cancellation_reason is None
    event = next(one for one in await stream(session.id) if one.kind == "STATUS_CHANGED")
    assert event.payload["reason"] is None


async def test_a_cancelled_session_keeps_reason_and_author_and_loses_its_room() -> None:
    session, admin = await make_session()
    await advance_due(at(-10))
    await cancel_session(admin, session.id, "The teacher is ill", at(-5))
    row = await fresh(session)
    assert (row.status, row.cancellation_reason) == ("CANCELLED", "The teacher is ill")
    assert (row.ended_at, row.meeting_ended_at, row.next_transition_at) == (at(-5), at(-5), None)
    assert (await told(session.id))[-2:] == ["CANCELLED", "MEETING_ENDED"]
    event = (await stream(session.id))[-2]
    assert event.actor_id == admin.user_id
    assert event.payload["reason"] == "The teacher is ill"
    assert event.payload["cause"] == "PERSON"
    assert "DELETE_ROOM" in await kinds_of_work(session)
    assert "FINALISE_ATTENDANCE" not in await kinds_of_work(session)
    assert (await advance_due(at(100))).advanced == 0


async def test_a_session_cancelled_before_it_opened_has_no_room_to_lose() -> None:
    session, admin = await make_session()
    await cancel_session(admin, session.id, None, at(-60))
    assert await told(session.id) == ["SCHEDULED", "CANCELLED"]
    assert await kinds_of_work(session) == set()


@pytest.mark.parametrize("minutes", [60, 70])
async def test_a_session_whose_scheduled_end_has_come_cannot_be_cancelled(minutes: int) -> None:
    session, admin = await make_session()
    await advance_due(at(0))
    with pytest.raises(WrongStatusError):
        await cancel_session(admin, session.id, None, at(minutes))


async def test_a_cancelled_session_cannot_be_cancelled_again() -> None:
    session, admin = await make_session()
    await cancel_session(admin, session.id, "first", at(-60))
    with pytest.raises(WrongStatusError):
        await cancel_session(admin, session.id, "second", at(-59))
    assert (await fresh(session)).cancellation_reason == "first"


async def test_a_teacher_cancels_their_own_session_only() -> None:
    session, _ = await make_session()
    teacher = await User.get(id=session.teacher_id)
    other = await make.teacher(await session.academy)
    with pytest.raises(Exception, match="No such session"):
        await cancel_session(make.viewer(other), session.id, None, at(-60))
    await cancel_session(make.viewer(teacher), session.id, None, at(-60))


async def test_an_admin_who_skips_statuses_causes_all_their_effects() -> None:
    session, admin = await make_session()
    await change_session_status(admin, session.id, SessionStatus.ONGOING, None, at(-120))
    row = await fresh(session)
    assert (row.status, row.started_at) == (SessionStatus.ONGOING, at(-120))
    assert row.meeting_source == "admin"
    assert row.next_transition_at == at(65)
    await change_session_status(admin, session.id, SessionStatus.COMPLETED, "early", at(-90))
    row = await fresh(session)
    assert (row.ended_at, row.meeting_ended_at, row.next_transition_at) == (at(-90), at(-90), None)
    expected = ["SCHEDULED", "READY", "MEETING_CREATED", "ONGOING", "COMPLETED", "MEETING_ENDED"]
    assert await told(session.id) == expected
    work = await kinds_of_work(session)
    assert {"DELETE_ROOM", "FINALISE_ATTENDANCE"} <= work


@pytest.mark.parametrize("to", ["SCHEDULED", "ABSENT"])
async def test_some_statuses_cannot_be_given_by_hand(to: str) -> None:
    session, admin = await make_session()
    await advance_due(at(-10))
    with pytest.raises(WrongStatusError):
        await change_session_status(admin, session.id, SessionStatus[to], None, at(-5))


async def test_a_status_it_has_already_is_refused() -> None:
    session, admin = await make_session()
    with pytest.raises(WrongStatusError):
        await change_session_status(admin, session.id, SessionStatus.READY, None, at(-10))


async def test_a_teacher_may_not_skip_statuses() -> None:
    session, _ = await make_session()
    teacher = make.viewer(await User.get(id=session.teacher_id))
    with pytest.raises(ForbiddenError):
        await change_session_status(teacher, session.id, SessionStatus.READY, None, at(-60))


async def test_a_session_in_overtime_can_be_ended_by_hand() -> None:
    session, admin = await make_session(max_overtime_minutes=30)
    await advance_due(at(0))
    await _come(session)
    await advance_due(at(65))
    await change_session_status(admin, session.id, SessionStatus.COMPLETED, None, at(70))
    row = await fresh(session)
    assert (row.status, row.ended_at) == (SessionStatus.COMPLETED, at(70))
    attendance = await MeetingAttendance.get(session_id=session.id)
    assert attendance.presence is Presence.LEFT


async def _come(session: Session) -> None:
    """The student joins at the start."""
    row = await SessionParticipant.get(session_id=session.id, role=UserRole.STUDENT)
    start = int(session.scheduled_at.timestamp() * 1000)
    await MeetingAttendanceEvent.create(
        session_id=session.id,
        user_id=row.user_id,
        source_id=f"EV_{session.id}_{row.user_id}",
        kind=EventKind.JOINED,
        source=EventSource.WEBHOOK,
        occurred_ms=start,
        received_ms=start,
        room_sid="RM_1",
        room_created_ms=start,
        participant_sid=f"PA_{row.user_id}",
        joined_ms=start,
    )
    await store(row, joined_since_ms=start)


async def test_changed_settings_move_the_timers_of_scheduled_sessions_only() -> None:
    academy = await make.academy()
    teacher, student = await make.teacher(academy), await make.student(academy)
    ready = await make.session(academy, teacher, student=student)
    await advance_due(at(-10))
    scheduled = await make.session(academy, teacher, student=student, at=at(60))
    foreign, _ = await make_session()
    values: dict[str, int | None] = {"ready_minutes_before": 20, "completion_buffer_minutes": 15}
    await update_video_settings(await admin_of(academy), academy.id, values, at(-9))
    row = await fresh(scheduled)
    assert (row.ready_at, row.next_transition_at, row.completes_at) == (at(40), at(40), at(135))
    assert await told(scheduled.id) == ["SCHEDULED", "UPDATED"]
    row = await fresh(ready)
    assert (row.completes_at, row.next_transition_at) == (at(65), at(0))
    assert "UPDATED" not in await told(ready.id)
    assert await told(foreign.id) == ["SCHEDULED"]


async def test_settings_that_change_no_timer_tell_nobody() -> None:
    session, admin = await make_session()
    values: dict[str, int | None] = {"default_max_participants": 20}
    await update_video_settings(admin, session.academy_id, values, at(-60))
    assert await told(session.id) == ["SCHEDULED"]


async def test_a_timer_that_moves_into_the_past_is_due_at_once() -> None:
    session, admin = await make_session()
    values: dict[str, int | None] = {"ready_minutes_before": 60}
    await update_video_settings(admin, session.academy_id, values, at(-30))
    assert (await advance_due(at(-30))).advanced == 1
    assert (await fresh(session)).status is SessionStatus.READY


async def test_a_changed_group_moves_the_rosters_of_future_and_live_sessions() -> None:
    academy = await make.academy()
    teacher = await make.teacher(academy)
    stays, goes, comes = [await make.student(academy) for _ in range(3)]
    group = await make.group(academy, teacher, stays, goes)
    over = await make.session(academy, teacher, group=group, at=at(-300))
    live = await make.session(academy, teacher, group=group, at=at(0))
    await advance_due(at(0))
    future = await make.session(academy, teacher, group=group, at=at(300))
    goes_row = await SessionParticipant.get(session_id=future.id, user_id=goes.id)
    await _update_members(academy, group.external_id, stays, comes)
    assert await _expected(over) == {stays.id, goes.id}
    assert await _expected(live) == await _expected(future) == {stays.id, comes.id}
    came, gone = (await stream(future.id))[-2:]
    assert (came.kind, came.payload["user_id"]) == ("PRESENCE_CHANGED", comes.id)
    assert gone.kind == "PRESENCE_REMOVED"
    assert gone.payload == {"participant_id": goes_row.id, "user_id": goes.id}
    assert not await SessionEvent.exists(session_id=over.id, kind="PRESENCE_REMOVED")


async def test_a_student_who_was_in_the_session_and_leaves_the_group_keeps_the_row() -> None:
    academy = await make.academy()
    teacher, goes = await make.teacher(academy), await make.student(academy)
    group = await make.group(academy, teacher, goes)
    live = await make.session(academy, teacher, group=group)
    await advance_due(at(0))
    await _come(live)
    await _update_members(academy, group.external_id)
    row = await SessionParticipant.get(session_id=live.id, user_id=goes.id)
    assert not row.is_expected
    event = (await stream(live.id))[-1]
    assert (event.kind, event.payload["is_expected"]) == ("PRESENCE_CHANGED", False)


async def test_a_group_that_did_not_change_tells_nobody() -> None:
    academy = await make.academy()
    teacher, student = await make.teacher(academy), await make.student(academy)
    group = await make.group(academy, teacher, student)
    session = await make.session(academy, teacher, group=group)
    await _update_members(academy, group.external_id, student)
    assert await told(session.id) == ["SCHEDULED"]


async def _update_members(academy: Academy, external_id: str, *members: User) -> None:
    plan = GroupEntry(
        external_id=external_id,
        academy_id=academy.id,
        kind=GroupKind.CIRCLE,
        name="Circle",
        teacher_external_id=None,
        keeps_teacher=True,
        members=[
            MemberInput(str(user.external_id), MembershipSource.ENROLMENT, None, None)
            for user in members
        ],
    )
    await upsert_groups(await admin_of(academy), [plan], at(1))


async def _expected(session: Session) -> set[int]:
    rows = SessionParticipant.filter(session_id=session.id, is_expected=True)
    return {row.user_id for row in await rows}


async def test_overtime_ends_when_the_last_one_leaves() -> None:
    session, _ = await make_session(max_overtime_minutes=30)
    student = await User.get(id=session.student_id)
    await advance_due(at(-10))
    await record_notice(await _notice(session, student, "participant_joined", -1), at(-1))
    assert (await fresh(session)).status is SessionStatus.ONGOING  # the first join starts it
    await advance_due(at(65))
    row = await fresh(session)
    assert (row.status, row.next_transition_at) == (SessionStatus.ONGOING, at(95))
    await record_notice(await _notice(session, student, "participant_left", 70), at(70))
    row = await fresh(session)
    assert (row.status, row.ended_at) == (SessionStatus.COMPLETED, at(70))


async def _notice(session: Session, student: User, event: str, minute: float) -> Notice:
    opened_ms = int(at(-10).timestamp() * 1000)
    return Notice(
        id=f"EV_{event}",
        event=event,
        created_ms=int(at(minute).timestamp() * 1000),
        room_name=(await fresh(session)).room_name,
        room_sid="RM_1",
        room_created_ms=opened_ms,
        identity=f"{student.id}_Student",
        participant_sid="PA_1",
        participant_kind="STANDARD",
        joined_ms=int(at(-1).timestamp() * 1000),
    )
