"""A session at eleven, ready and with a room, for webhooks about it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from actions.attendance.away import note_away
from actions.clock.sweep import advance_due
from actions.webhooks.notices import record_notice
from domain.attendance.state import to_ms
from gateways.livekit import Participant
from gateways.livekit_tokens import Grant
from gateways.livekit_webhooks import translate
from models import DoorClosure, Session, User
from tests.support import make
from tests.support.livekit_events import Room, Stay
from tests.support.webhooks import encode

START = make.ELEVEN


def at(minutes: float = 0, seconds: float = 0) -> datetime:
    """The moment so long after the session's scheduled start."""
    return START + timedelta(minutes=minutes, seconds=seconds)


def ms(minutes: float) -> int:
    """The same moment, in ms since the epoch."""
    return to_ms(at(minutes))


@dataclass(frozen=True, slots=True)
class Classroom:
    session: Session
    teacher: User
    students: list[User]
    room: Room

    @property
    def student(self) -> User:
        return self.students[0]

    async def now(self) -> Session:
        """The session's row as it is now."""
        return await Session.get(id=self.session.id)

    def stay(self, minutes: float, user: User | None = None) -> Stay:
        return Stay(user or self.student, at(minutes))


async def ready(students: int = 1, *, minutes: int = 60, **settings: Any) -> Classroom:
    """READY ten minutes before its start. One student makes it private; more make it a circle's."""
    classroom = await scheduled(students, minutes=minutes, **settings)
    await advance_due(at(-10))
    session = await classroom.now()
    return Classroom(session, classroom.teacher, classroom.students, Room(session, at(-9)))


async def scheduled(students: int = 1, *, minutes: int = 60, **settings: Any) -> Classroom:
    """Scheduled since yesterday. `settings` are the academy's."""
    academy = await make.academy(**settings)
    teacher = await make.teacher(academy)
    people = [await make.student(academy) for _ in range(students)]
    if students == 1:
        session = await make.session(academy, teacher, student=people[0], minutes=minutes)
    else:
        circle = await make.group(academy, teacher, *people)
        session = await make.session(academy, teacher, group=circle, minutes=minutes)
    return Classroom(session, teacher, people, Room(session, at(-9)))


def listed(user: User, sid: str, joined_at: datetime) -> Participant:
    """The person as LiveKit lists them in a room."""
    return Participant(
        identity=f"{user.id}_{user.first_name}",
        sid=sid,
        name=user.first_name,
        joined_ms=to_ms(joined_at),
        state="ACTIVE",
        kind="STANDARD",
        is_publisher=False,
        grant=Grant(),
    )


async def away(classroom: Classroom, since: float, until: float) -> None:
    """Our door was shut, in minutes after the start; rooms with people inside get a line of it."""
    await DoorClosure.create(shut_from=at(since), shut_until=at(until))
    await note_away(classroom.session.id, at(until))


async def join(classroom: Classroom, minutes: float = 1) -> None:
    """LiveKit tells that the student has joined."""
    event = translate(encode(classroom.room.joined(classroom.stay(minutes))))
    await record_notice(event, at(minutes))
