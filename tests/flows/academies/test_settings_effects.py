"""Every setting changes what happens."""

import json
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from actions.attendance.final_result import finalise_attendance
from actions.clock.sweep import advance_due
from actions.rooms.room import record_room
from actions.writing.stream import writing
from domain.attendance.fold import AttendanceStatus
from domain.status import SessionStatus
from gateways.livekit import Room as LiveKitRoom
from models import MeetingAttendance, Session, SessionEvent, User
from tests.support import make
from tests.support.asking import Asker, asking, payload
from tests.support.configuring import set_policy, set_video
from tests.support.livekit_events import Room, Stay, send
from tests.support.livekit_stub import LiveKitStub
from tests.support.scene import Scene
from tests.support.tokens import refusal, token
from tests.support.upserts import refusals


@pytest.fixture
async def asker(stub: LiveKitStub) -> AsyncIterator[Asker]:
    async with asking(livekit_api_url=stub.url) as asker:
        yield asker


async def make_session(there: Scene, at: datetime, **values: Any) -> Session:
    return await make.session(
        there["academy"], there["teacher"], student=there["student"], at=at, now=there.now, **values
    )


async def test_ready_minutes_before_move_the_timers_of_what_is_scheduled(
    asker: Asker, there: Scene
) -> None:
    at = there.now + timedelta(hours=1)
    session = await make_session(there, at)
    begun = await Session.get(id=there["mine"].id)
    foreign = await make.session(
        there["foreign_academy"],
        there["foreign_teacher"],
        student=there["foreign_student"],
        at=at,
        now=there.now,
    )
    payload(await set_video(asker, there, readyMinutesBefore=45))
    moved = await Session.get(id=session.id)
    assert moved.next_transition_at == moved.ready_at == at - timedelta(minutes=45)
    last = await SessionEvent.filter(session_id=session.id).order_by("-sequence").first()
    assert last is not None
    assert (last.kind, last.actor_id) == ("UPDATED", there["admin"].id)
    assert (await Session.get(id=foreign.id)).ready_at == at - timedelta(minutes=10)
    assert await Session.get(id=begun.id) == begun
    assert (await Session.get(id=begun.id)).version == begun.version
    await advance_due(at - timedelta(minutes=45))
    assert (await Session.get(id=session.id)).status is SessionStatus.READY


async def test_the_completion_buffer_says_when_a_session_ends(asker: Asker, there: Scene) -> None:
    payload(await set_video(asker, there, completionBufferMinutes=20))
    session = await make_session(there, there.now + timedelta(hours=1))
    end = there.now + timedelta(hours=2)
    await advance_due(end + timedelta(minutes=19, seconds=59))
    assert (await Session.get(id=session.id)).status is SessionStatus.ONGOING
    await advance_due(end + timedelta(minutes=20))
    assert (await Session.get(id=session.id)).status is SessionStatus.COMPLETED


async def test_overtime_lets_completion_wait_for_people(asker: Asker, there: Scene) -> None:
    payload(await set_video(asker, there, maxOvertimeMinutes=15))
    session = await make_session(there, there.now + timedelta(minutes=5))
    joined_at = session.scheduled_at
    await send(Room(session, there.now).joined(Stay(there["student"], joined_at)), joined_at)
    end = session.ends_at + timedelta(minutes=5)
    await advance_due(end)
    assert (await Session.get(id=session.id)).status is SessionStatus.ONGOING
    await advance_due(end + timedelta(minutes=15))
    assert (await Session.get(id=session.id)).status is SessionStatus.COMPLETED


async def test_room_settings_reach_the_room(asker: Asker, there: Scene, stub: LiveKitStub) -> None:
    payload(await set_video(asker, there, defaultMaxParticipants=7, emptyTimeoutSeconds=20_000))
    session = await make_session(there, there.now + timedelta(minutes=5))
    there.rows["session"] = session
    await token(asker, there, "student", "session")
    room = stub.rooms[str(session.room_name)]
    assert (room.max_participants, room.empty_timeout) == (7, 20_000)
    options = json.loads(room.metadata)["options"]
    assert (options["maxParticipants"], options["emptyTimeoutSeconds"]) == (7, 20_000)


async def test_the_most_participants_fill_a_room(asker: Asker, there: Scene) -> None:
    payload(await set_video(asker, there, defaultMaxParticipants=1))
    at = there.now + timedelta(minutes=5)
    session = await make.session(
        there["academy"], there["teacher"], group=there["circle"], at=at, now=there.now
    )
    there.rows["class"] = session
    await send(Room(session, there.now).joined(Stay(there["classmate"], at)), at)
    assert await refusal(asker, there, "student", "class") == "ROOM_FULL"


async def test_no_class_is_longer_than_the_academy_allows(asker: Asker, there: Scene) -> None:
    payload(await set_video(asker, there, maxDurationMinutes=45))
    schedule = "mutation ($plan: ScheduleSessionInput!) { scheduleSession(input: $plan) "
    schedule += "{ errors { code field } } }"
    plan = {
        "academyId": there.id("academy"),
        "kind": "QURAN",
        "title": "Surat al-Kahf",
        "teacherId": there.id("teacher"),
        "studentId": there.id("student"),
        "scheduledAt": (there.now + timedelta(days=1)).isoformat(),
    }
    for minutes, expected in ((46, [("INVALID_INPUT", ["durationMinutes"])]), (45, [])):
        wish = plan | {"durationMinutes": minutes}
        answer = await asker.ask(schedule, there["admin"], now=there.now, plan=wish)
        assert refusals(answer) == expected


async def test_the_tokens_time_is_the_academys(asker: Asker, there: Scene) -> None:
    payload(await set_video(asker, there, tokenTtlMinutes=25))
    found = await token(asker, there, "student")
    assert datetime.fromisoformat(found["expiresAt"]) == there.now + timedelta(minutes=25)


POLICIES: list[tuple[dict[str, int], AttendanceStatus]] = [
    ({}, AttendanceStatus.LATE),
    ({"lateAfterMinutes": 21}, AttendanceStatus.PRESENT),
    ({"presentFromPercent": 90}, AttendanceStatus.PARTIAL),
    ({"presentFromPercent": 99, "partialFromPercent": 95}, AttendanceStatus.ABSENT),
    ({"mergeGapSeconds": 0}, AttendanceStatus.PARTIAL),
]


@pytest.mark.parametrize(("policy", "expected"), POLICIES)
async def test_the_policy_a_session_was_scheduled_under_decides(
    asker: Asker, there: Scene, policy: dict[str, int], expected: AttendanceStatus
) -> None:
    """The student joins a class of 100 minutes 20 minutes late, and is away for one minute."""
    payload(await set_policy(asker, there, **policy))
    session = await make_session(there, there.now + timedelta(minutes=5), minutes=100)
    # A change after the scheduling does not change the session's policy.
    payload(
        await set_policy(
            asker, there, presentFromPercent=1, partialFromPercent=1, lateAfterMinutes=99
        )
    )
    await attend(session, there["student"])
    status = (await MeetingAttendance.get(participant__user_id=there["student"].id)).status
    assert status is expected


async def attend(session: Session, user: User) -> None:
    def at(minutes: float) -> datetime:
        return session.scheduled_at + timedelta(minutes=minutes)

    room = Room(session, session.scheduled_at)
    async with writing(session.id, at(0)) as draft:
        made_ms = int(at(0).timestamp() * 1000)
        await record_room(draft, LiveKitRoom(str(session.room_name), room.sid, made_ms))
    for start, end in ((20, 60), (61, 101)):
        stay = Stay(user, at(start))
        await send(room.joined(stay), at(start))
        await send(room.left(stay, at(end)), at(end))
    await advance_due(at(105))
    await finalise_attendance(session.id, at(106))
