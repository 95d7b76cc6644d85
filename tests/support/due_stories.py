"""One piece of due work of each kind: its call to LiveKit, and its effect once it is done."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from livekit.protocol import models

import clock
from actions.admittance.barring import bar_participant
from actions.attendance import away
from actions.attendance.reports import report_join
from actions.clock.sweep import advance_due
from actions.webhooks.door import WebhookDoor
from domain.attendance.fold import EventKind, Presence
from domain.event import SessionEventKind
from domain.rooms import participant_identity
from domain.session import WorkKind
from models import (
    Academy,
    DoorClosure,
    DueWork,
    MeetingAttendanceEvent,
    Session,
    SessionEvent,
    User,
)
from tests.support import make
from tests.support.attendance_rows import state
from tests.support.livekit_events import Room, Stay, send
from tests.support.livekit_stub import LiveKitStub


@dataclass(frozen=True, slots=True)
class Story:
    """`asks` is the method of LiveKit's that holds the work; without one, the work waits for the
    session's row."""

    session: Session
    is_done: Callable[[], Awaitable[bool]]
    asks: str | None = None


@dataclass(frozen=True, slots=True)
class People:
    academy: Academy
    teacher: User
    student: User


async def told_to(stub: LiveKitStub, kind: WorkKind) -> Story:
    """The story of this kind, with nothing else due."""
    story = await STORIES[kind](stub)
    await DueWork.exclude(kind=kind).delete()
    assert await DueWork.filter(kind=kind, due_at__lte=clock.now()).count() == 1
    return story


async def _make_session(minutes: float, at: float = -15) -> tuple[People, Session]:
    """A session that starts in so many minutes, in the state of `at` minutes before its start."""
    academy = await make.academy()
    people = People(academy, await make.teacher(academy), await make.student(academy))
    begins = _in(minutes)
    session = await make.session(academy, people.teacher, student=people.student, at=begins)
    await advance_due(begins + timedelta(minutes=at))
    return people, await Session.get(id=session.id)


def _in(minutes: float) -> datetime:
    return clock.now() + timedelta(minutes=minutes)


async def make_room(stub: LiveKitStub) -> Story:
    _, session = await _make_session(5, -10)

    async def is_done() -> bool:
        row = await Session.get(id=session.id)
        return list(stub.rooms) == [row.room_name] and row.room_ready_at is not None

    return Story(session, is_done, "CreateRoom")


async def delete_room(stub: LiveKitStub) -> Story:
    _, session = await _make_session(-120, -10)
    stub.rooms[str(session.room_name)] = models.Room(name=session.room_name, sid="RM_over")
    await advance_due(clock.now())

    async def is_done() -> bool:
        return not stub.rooms

    return Story(session, is_done, "DeleteRoom")


async def finalise_attendance(stub: LiveKitStub) -> Story:
    _, session = await _make_session(-120, -10)
    await advance_due(_in(-30))

    async def is_done() -> bool:
        return (await Session.get(id=session.id)).finalised_at is not None

    return Story(session, is_done)


async def make_meeting(stub: LiveKitStub) -> Story:
    _, session = await _make_session(12)

    async def is_done() -> bool:
        return (await Session.get(id=session.id)).meeting_id is not None

    return Story(session, is_done)


async def expire_stays(stub: LiveKitStub) -> Story:
    stub.holding.add("ListRooms")  # a look would find a sign of life, or none
    people, session = await _make_session(-40, -10)
    joined = _in(-38)
    stay = Stay(people.student, joined)
    await send(Room(session, _in(-49)).joined(stay), joined)
    await DoorClosure.create(shut_from=_in(-37), shut_until=_in(-36))
    await away.note_away(session.id, _in(-36))

    async def is_done() -> bool:
        return await _has_expired(session, people.student)

    return Story(session, is_done)


async def expire_report(stub: LiveKitStub) -> Story:
    stub.holding.add("ListRooms")
    people, session = await _make_session(5, -10)
    await report_join(make.viewer(people.student), session.id, "PA_mine", _in(-2))

    async def is_done() -> bool:
        return await _has_expired(session, people.student)

    return Story(session, is_done)


async def _has_expired(session: Session, student: User) -> bool:
    lines = MeetingAttendanceEvent.filter(session_id=session.id, kind=EventKind.EXPIRED)
    is_inside = (await state(session.id, student)).result.presence is Presence.IN_MEETING
    return await lines.count() == 1 and not is_inside


async def note_away(stub: LiveKitStub) -> Story:
    stub.holding.add("ListRooms")  # a look would miss the room, and nobody would be inside
    people, session = await _make_session(-40, -10)
    await send(Room(session, _in(-49)).joined(Stay(people.student, _in(-38))), _in(-38))
    await WebhookDoor().beat("here:1", _in(-20))
    await WebhookDoor().beat("here:2", _in(-19))

    async def is_done() -> bool:
        lines = MeetingAttendanceEvent.filter(session_id=session.id, kind=EventKind.AWAY)
        return await lines.count() == 1

    return Story(session, is_done)


async def remove_person(stub: LiveKitStub) -> Story:
    people, session = await _make_session(5, -10)
    student, room = people.student, str(session.room_name)
    stub.rooms[room] = models.Room(name=room, sid="RM_live")
    stub.enter(room, participant_identity(student.id, student.first_name, student.last_name))
    await bar_participant(make.viewer(people.teacher), session.id, student.id, clock.now())

    async def is_done() -> bool:
        return not stub.people[room]

    return Story(session, is_done, "ListParticipants")


async def miss_teacher(stub: LiveKitStub) -> Story:
    stub.holding.add("ListRooms")
    _, session = await _make_session(-20, 0)

    async def is_done() -> bool:
        kind = SessionEventKind.TEACHER_MISSING
        return await SessionEvent.filter(session_id=session.id, kind=kind).count() == 1

    return Story(session, is_done)


STORIES: dict[WorkKind, Callable[[LiveKitStub], Awaitable[Story]]] = {
    WorkKind.MAKE_ROOM: make_room,
    WorkKind.DELETE_ROOM: delete_room,
    WorkKind.FINALISE_ATTENDANCE: finalise_attendance,
    WorkKind.MAKE_MEETING: make_meeting,
    WorkKind.EXPIRE_STAYS: expire_stays,
    WorkKind.EXPIRE_REPORT: expire_report,
    WorkKind.NOTE_AWAY: note_away,
    WorkKind.REMOVE_PERSON: remove_person,
    WorkKind.MISS_TEACHER: miss_teacher,
}
