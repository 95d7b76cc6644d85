"""A class whose roster fills more than one read of a socket, and the people who come into it."""

from dataclasses import dataclass
from datetime import datetime

import clock
from actions.webhooks.notices import record_notice
from gateways.livekit_webhooks import translate
from models import User
from schema.types.ids import Kind, encode
from tests.support import make
from tests.support.livekit_events import Room, Stay
from tests.support.webhooks import encode as body_of


@dataclass(frozen=True, slots=True)
class BigClass:
    id: str
    teacher: User
    students: list[User]
    room: Room
    began_at: datetime

    async def joins(self, student: User) -> None:
        joined = self.room.joined(Stay(student, self.began_at))
        await record_notice(translate(body_of(joined)), clock.now())


async def big_class(students: int) -> BigClass:
    """A session that begins now, with nobody in its room."""
    academy, now = await make.academy(), clock.now().replace(microsecond=0)
    teacher = await make.teacher(academy)
    people = [await make.student(academy) for _ in range(students)]
    circle = await make.group(academy, teacher, *people)
    session = await make.session(academy, teacher, group=circle, at=now, now=now)
    return BigClass(encode(Kind.SESSION, session.id), teacher, people, Room(session, now), now)
