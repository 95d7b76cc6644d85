"""Each setting has a scenario in which changing it changes what happens."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from tortoise import Model

from actions.attendance.final_result import finalise_attendance
from actions.attendance.stale_stays import expire_stays
from actions.clock.sweep import advance_due
from actions.rooms.room import delete_room, record_room
from actions.sessions.session_status import change_session_status
from actions.writing.stream import writing
from domain.attendance.fold import EventKind, EventSource
from domain.attendance.state import to_ms
from domain.configuration import camel
from domain.session import WorkKind
from domain.status import SessionStatus
from gateways.livekit import Room as LiveKitRoom
from models import (
    AttendancePolicy,
    DueWork,
    MeetingAttendance,
    MeetingAttendanceEvent,
    Session,
    TeacherMeetingSettings,
    VideoSettings,
)
from tests.conftest import Database
from tests.support import make
from tests.support.asking import Asker, code, payload
from tests.support.configuring import set_policy, set_preferences, set_video
from tests.support.livekit_events import Room, Stay, send
from tests.support.livekit_stub import LiveKitStub
from tests.support.scene import Scene, scene
from tests.support.tokens import TOKEN, asking_with_stub, token

Inputs = dict[str, Any]


@dataclass(frozen=True, slots=True)
class World:
    """An academy with the settings of the walk. It is eleven on a Monday, two in Riyadh."""

    there: Scene
    asker: Asker
    stub: LiveKitStub

    def at(self, minutes: float) -> datetime:
        return self.there.now + timedelta(minutes=minutes)

    async def make_session(self, starts: float = 5, minutes: int = 60) -> Session:
        there = self.there
        session = await make.session(
            there["academy"],
            there["teacher"],
            group=there["circle"],
            at=self.at(starts),
            now=there.now,
            minutes=minutes,
        )
        there.rows["session"] = session
        return session


async def has_meeting(world: World) -> object:
    return (await world.make_session()).meeting_id is not None


async def has_link_an_hour_ahead(world: World) -> object:
    return (await world.make_session(60)).meeting_id is not None


async def status_forty_minutes_ahead(world: World) -> object:
    return (await world.make_session(40)).status


async def status_after_the_end(world: World) -> object:
    session = await world.make_session()
    await advance_due(session.ends_at + timedelta(minutes=10))
    return (await Session.get(id=session.id)).status


async def status_with_somebody_inside(world: World) -> object:
    session = await world.make_session()
    start = session.scheduled_at
    async with writing(session.id, start) as draft:
        draft.change(room_first_ready_at=start)
    await send(Room(session, world.at(0)).joined(Stay(world.there["student"], start)), start)
    await advance_due(session.ends_at + timedelta(minutes=6))
    return (await Session.get(id=session.id)).status


async def room_after_the_end(world: World) -> object:
    session = await world.make_session()
    await token(world.asker, world.there, "student", "session")
    late = session.ends_at + timedelta(minutes=6)
    await advance_due(late)
    for work in await DueWork.filter(kind=WorkKind.DELETE_ROOM, due_at__lte=late):
        await delete_room(world.asker.process.venue.livekit, work.subject, late)
    return session.room_name in world.stub.rooms


async def refusal_of_a_second_student(world: World) -> object:
    session = await world.make_session()
    start = session.scheduled_at
    await send(Room(session, world.at(0)).joined(Stay(world.there["classmate"], start)), start)
    return await refused(world, "student", "session")


async def refused(world: World, who: str, session: str) -> str | None:
    there = world.there
    answer = await world.asker.ask(TOKEN, there[who], now=there.now, id=there.id(session))
    return code(answer)


async def refusal_of_an_admins_plan(world: World) -> object:
    return await refused_plan(world, "admin")


async def refused_plan(world: World, who: str) -> str | None:
    """Plan a class of 100 minutes; the teacher's other one is not over when it starts."""
    there = world.there
    schedule = "mutation ($plan: ScheduleSessionInput!) { scheduleSession(input: $plan) "
    schedule += "{ errors { code } } }"
    plan = {
        "academyId": there.id("academy"),
        "kind": "QURAN",
        "title": "Surat al-Kahf",
        "teacherId": there.id("teacher"),
        "studentId": there.id("student"),
        "scheduledAt": world.at(60).isoformat(),
        "durationMinutes": 100,
    }
    return code(await world.asker.ask(schedule, there[who], now=there.now, plan=plan))


async def refusal_of_a_teachers_plan(world: World) -> object:
    return await refused_plan(world, "teacher")


async def seconds_a_room_may_be_empty(world: World) -> object:
    session = await world.make_session()
    await token(world.asker, world.there, "student", "session")
    return world.stub.rooms[str(session.room_name)].empty_timeout


async def end_of_the_token(world: World) -> object:
    await world.make_session()
    found = await token(world.asker, world.there, "student", "session")
    return datetime.fromisoformat(found["expiresAt"]) - world.there.now


async def refusal_of_a_colleague(world: World) -> object:
    await world.make_session()
    return await refused(world, "colleague", "session")


def in_the_room(option: str) -> Callable[[World], Awaitable[object]]:
    """The options that the room's own metadata tell the client in it."""

    async def told(world: World) -> object:
        session = await world.make_session()
        await token(world.asker, world.there, "student", "session")
        return json.loads(world.stub.rooms[str(session.room_name)].metadata)["options"][option]

    return told


def in_the_token(permission: str) -> Callable[[World], Awaitable[object]]:
    async def granted(world: World) -> object:
        await world.make_session()
        found = await token(world.asker, world.there, "student", "session")
        return found["permissions"][permission]

    return granted


async def status_of_a_latecomer(world: World) -> object:
    """The student joins a class of 100 minutes 20 minutes late, and is away for one minute."""
    session = await world.make_session(minutes=100)
    student, start = world.there["student"], session.scheduled_at
    room = Room(session, start)
    async with writing(session.id, start) as draft:
        await record_room(
            draft,
            LiveKitRoom(str(session.room_name), room.sid, int(start.timestamp() * 1000)),
        )
    for first, last in ((20, 60), (61, 101)):
        stay = Stay(student, start + timedelta(minutes=first))
        gone_at = start + timedelta(minutes=last)
        await send(room.joined(stay), stay.since)
        await send(room.left(stay, gone_at), gone_at)
    await advance_due(start + timedelta(minutes=105))
    await finalise_attendance(session.id, start + timedelta(minutes=106))
    return (await attendance(session, world)).status


async def status_of_who_was_late_and_left(world: World) -> object:
    """The student is there from minute 20 to minute 60 of a class of 100 minutes."""
    session = await world.make_session(minutes=100)
    start = session.scheduled_at
    room, stay = Room(session, start), Stay(world.there["student"], start + timedelta(minutes=20))
    gone_at = start + timedelta(minutes=60)
    for event, now in (
        (room.started(), start),
        (room.joined(stay), stay.since),
        (room.left(stay, gone_at), gone_at),
    ):
        await send(event, now)
    await advance_due(start + timedelta(minutes=105))
    await finalise_attendance(session.id, start + timedelta(minutes=106))
    return (await attendance(session, world)).status


async def seconds_that_a_short_class_was_held(world: World) -> object:
    """An admin ends a class of an hour after 20 minutes."""
    there, session = world.there, await world.make_session()
    start = session.scheduled_at
    await send(Room(session, start).started(), start)
    await advance_due(start)
    ended_at = start + timedelta(minutes=20)
    to = SessionStatus.COMPLETED
    await change_session_status(make.viewer(there["admin"]), session.id, to, None, ended_at)
    held = "query ($id: ID!) { session(id: $id) { heldSeconds } }"
    ids = {"id": there.id("session")}
    return payload(await world.asker.ask(held, there["admin"], now=ended_at, **ids))["heldSeconds"]


async def presence_of_somebody_not_heard_of(world: World) -> object:
    """Our door is shut from minute 1 to minute 3, and nothing is heard of the student since."""
    session = await world.make_session()
    start = session.scheduled_at
    await send(Room(session, start).joined(Stay(world.there["student"], start)), start)
    await MeetingAttendanceEvent.create(
        session_id=session.id,
        source_id=f"away:{session.id}",
        kind=EventKind.AWAY,
        source=EventSource.CLOCK,
        occurred_ms=to_ms(start + timedelta(minutes=1)),
        received_ms=to_ms(start + timedelta(minutes=3)),
    )
    await expire_stays(session.id, start + timedelta(minutes=20))
    return (await attendance(session, world)).presence


async def attendance(session: Session, world: World) -> MeetingAttendance:
    return await MeetingAttendance.get(
        session_id=session.id, participant__user_id=world.there["student"].id
    )


@dataclass(frozen=True, slots=True)
class Walk:
    """`before` is set in both runs, `changed` in the second only."""

    scenario: Callable[[World], Awaitable[object]]
    changed: Inputs
    before: Inputs = field(default_factory=dict)


def window(start: str, end: str) -> Inputs:
    return {"meetingCreationTimeStart": start, "meetingCreationTimeEnd": end}


VIDEO = {
    "autoCreateMeetings": Walk(has_meeting, {"autoCreateMeetings": False}),
    "autoEndMeetings": Walk(room_after_the_end, {"autoEndMeetings": False}),
    "readyMinutesBefore": Walk(status_forty_minutes_ahead, {"readyMinutesBefore": 40}),
    "meetingCreationMinutesBefore": Walk(
        has_link_an_hour_ahead, {"meetingCreationMinutesBefore": 60}
    ),
    "meetingCreationTimeStart": Walk(
        has_meeting, window("14:01", "20:00"), before=window("14:00", "20:00")
    ),
    "meetingCreationTimeEnd": Walk(
        has_meeting, window("10:00", "14:00"), before=window("10:00", "14:01")
    ),
    "meetingCreationBlockedDays": Walk(has_meeting, {"meetingCreationBlockedDays": ["MONDAY"]}),
    "completionBufferMinutes": Walk(status_after_the_end, {"completionBufferMinutes": 20}),
    "maxOvertimeMinutes": Walk(status_with_somebody_inside, {"maxOvertimeMinutes": 15}),
    "defaultMaxParticipants": Walk(refusal_of_a_second_student, {"defaultMaxParticipants": 1}),
    "maxDurationMinutes": Walk(refusal_of_an_admins_plan, {"maxDurationMinutes": 45}),
    "emptyTimeoutSeconds": Walk(seconds_a_room_may_be_empty, {"emptyTimeoutSeconds": 20_000}),
    "recordByDefault": Walk(in_the_room("recordingEnabled"), {"recordByDefault": True}),
    "tokenTtlMinutes": Walk(end_of_the_token, {"tokenTtlMinutes": 25}),
    "teachersJoinAnySession": Walk(refusal_of_a_colleague, {"teachersJoinAnySession": True}),
    "teachersScheduleSessions": Walk(
        refusal_of_a_teachers_plan, {"teachersScheduleSessions": False}
    ),
    "refuseConflicts": Walk(refusal_of_an_admins_plan, {"refuseConflicts": True}),
}
TEACHER = {
    "maxParticipants": Walk(refusal_of_a_second_student, {"maxParticipants": 1}),
    "recordingEnabled": Walk(in_the_room("recordingEnabled"), {"recordingEnabled": True}),
    "videoQuality": Walk(in_the_room("videoQuality"), {"videoQuality": "LOW"}),
    "audioQuality": Walk(in_the_room("audioQuality"), {"audioQuality": "LOW"}),
    "screenSharingEnabled": Walk(in_the_token("canShareScreen"), {"screenSharingEnabled": False}),
    "chatEnabled": Walk(in_the_token("canPublishData"), {"chatEnabled": False}),
    "muteOnJoin": Walk(in_the_room("muteOnJoin"), {"muteOnJoin": True}),
    "theme": Walk(in_the_room("theme"), {"theme": "night"}),
}
POLICY = {
    "presentFromPercent": Walk(status_of_a_latecomer, {"presentFromPercent": 90}),
    "partialFromPercent": Walk(
        status_of_a_latecomer, {"partialFromPercent": 95}, before={"presentFromPercent": 99}
    ),
    "lateAfterMinutes": Walk(status_of_a_latecomer, {"lateAfterMinutes": 21}),
    "lateBeforePartial": Walk(status_of_who_was_late_and_left, {"lateBeforePartial": True}),
    "minimumHeldMinutes": Walk(seconds_that_a_short_class_was_held, {"minimumHeldMinutes": 21}),
    "mergeGapSeconds": Walk(status_of_a_latecomer, {"mergeGapSeconds": 0}),
    "staleAfterMinutes": Walk(presence_of_somebody_not_heard_of, {"staleAfterMinutes": 10}),
}
WALKS = (
    (VideoSettings, "VideoSettings", VIDEO, set_video),
    (TeacherMeetingSettings, "TeacherMeetingSettings", TEACHER, set_preferences),
    (AttendancePolicy, "AttendancePolicy", POLICY, set_policy),
)


@pytest.fixture
async def asked(database: Database) -> AsyncIterator[tuple[Asker, LiveKitStub]]:
    async with asking_with_stub() as found:
        yield found


@pytest.mark.parametrize(
    ("model", "name", "walks"), [walk[:3] for walk in WALKS], ids=[walk[1] for walk in WALKS]
)
async def test_every_setting_has_a_scenario(
    asked: tuple[Asker, LiveKitStub], model: type[Model], name: str, walks: dict[str, Walk]
) -> None:
    asker, _ = asked
    columns = {camel(column) for column in model._meta.db_fields if not column.endswith("_id")}
    assert set(walks) == columns
    fields = "query ($name: String!) { __type(name: $name) { %s { name } } }"
    for kind, members in ((name, "fields"), (f"{name}Input", "inputFields")):
        found = payload(await asker.ask(fields % members, name=kind))
        assert {member["name"] for member in found[members]} == columns


@pytest.mark.parametrize(
    ("setting", "walk", "put"),
    [(setting, walk, put) for _, _, walks, put in WALKS for setting, walk in walks.items()],
    ids=[f"{name}.{setting}" for _, name, walks, _ in WALKS for setting in walks],
)
async def test_changing_it_changes_what_happens(
    asked: tuple[Asker, LiveKitStub], setting: str, walk: Walk, put: Any
) -> None:
    assert setting in walk.changed
    seen = []
    for inputs in (walk.before, walk.before | walk.changed):
        world = World(await scene(), *asked)
        payload(await put(asked[0], world.there, **inputs))
        seen.append(await walk.scenario(world))
    assert seen[0] != seen[1]
