"""A class that is on, in the whole app on a loopback port; LiveKit's webhooks are posted to it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx

import clock
from models import Session, User
from schema.types.ids import Kind, encode
from tests.conftest import Template
from tests.support import make
from tests.support.app import Served, serving_app
from tests.support.livekit_events import PATH, Room, Stay
from tests.support.webhooks import encode as body_of
from tests.support.webhooks import sign


@dataclass
class LiveClass:
    """A session that is on, in a server that runs."""

    served: Served
    session: Session
    teacher: User
    student: User
    room: Room

    @property
    def id(self) -> str:
        return str(encode(Kind.SESSION, self.session.id))

    async def tells(self, event: dict[str, Any]) -> int:
        """Post this event as LiveKit; return the status of the answer."""
        body = body_of(event)
        signed = {
            "Authorization": sign(body, now=clock.now()),
            "Content-Type": "application/webhook+json",
        }
        async with httpx.AsyncClient() as livekit:
            answer = await livekit.post(f"{self.served.url}{PATH}", content=body, headers=signed)
        return answer.status_code

    async def joins(self) -> Stay:
        stay = Stay(self.student, clock.now())
        assert await self.tells(self.room.joined(stay)) == 200
        return stay

    async def leaves(self, stay: Stay) -> None:
        assert await self.tells(self.room.left(stay, clock.now())) == 200


@asynccontextmanager
async def live_class(template: Template) -> AsyncIterator[LiveClass]:
    async with serving_app(await template.fresh()) as served:
        now = clock.now()
        academy = await make.academy()
        teacher, student = await make.teacher(academy), await make.student(academy)
        session = await make.session(
            academy, teacher, student=student, at=now - timedelta(minutes=1), now=now
        )
        yield LiveClass(served, session, teacher, student, Room(session, now))
