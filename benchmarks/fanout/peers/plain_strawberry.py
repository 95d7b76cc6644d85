"""Strawberry as its documentation shows it: `strawberry.asgi.GraphQL` on uvicorn.

Arguments: the port, the control port, and the file of answers.
"""

import enum
import sys
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import strawberry
import uvicorn
from starlette.applications import Starlette
from starlette.routing import Route, WebSocketRoute
from strawberry.asgi import GraphQL

from benchmarks.fanout.peers.source import Source

port, control, answers = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]


@strawberry.enum
class PresenceState(enum.Enum):
    NOT_JOINED = "NOT_JOINED"
    IN_MEETING = "IN_MEETING"
    LEFT = "LEFT"


@strawberry.enum
class ParticipantRole(enum.Enum):
    TEACHER = "TEACHER"
    STUDENT = "STUDENT"


@strawberry.enum
class AttendanceStatus(enum.Enum):
    PRESENT = "PRESENT"
    ABSENT = "ABSENT"


@strawberry.enum
class SessionStatus(enum.Enum):
    SCHEDULED = "SCHEDULED"
    ONGOING = "ONGOING"


@strawberry.type
class User:
    id: strawberry.ID
    display_name: str


@strawberry.type
class Attendance:
    id: strawberry.ID
    presence: PresenceState
    role: ParticipantRole
    is_expected: bool
    join_count: int
    leave_count: int
    status: AttendanceStatus | None
    is_final: bool
    user: User


@strawberry.type
class Session:
    id: strawberry.ID
    status: SessionStatus


@strawberry.interface
class PresenceEvent:
    cursor: str
    version: int
    as_of: datetime


@strawberry.type
class PresenceSnapshot(PresenceEvent):
    session: Session
    attendances: list[Attendance]


@strawberry.type
class PresenceChanges(PresenceEvent):
    from_version: int
    changes: list[Attendance]
    removed_ids: list[strawberry.ID]


def build(told: dict[str, Any]) -> PresenceEvent:
    place = {"cursor": told["cursor"], "version": told["version"], "as_of": told["asOf"]}
    if "session" in told:
        session = Session(id=told["session"]["id"], status=SessionStatus(told["session"]["status"]))
        rows = [row(each) for each in told["attendances"]]
        return PresenceSnapshot(**place, session=session, attendances=rows)
    rows = [row(each) for each in told["changes"]]
    return PresenceChanges(**place, from_version=told["fromVersion"], changes=rows, removed_ids=[])


def row(told: dict[str, Any]) -> Attendance:
    return Attendance(
        id=told["id"],
        presence=PresenceState(told["presence"]),
        role=ParticipantRole(told["role"]),
        is_expected=told["isExpected"],
        join_count=told["joinCount"],
        leave_count=told["leaveCount"],
        status=AttendanceStatus(told["status"]),
        is_final=told["isFinal"],
        user=User(id=told["user"]["id"], display_name=told["user"]["displayName"]),
    )


source = Source(answers, build)


@strawberry.type
class Query:
    @strawberry.field
    def version(self) -> int:
        return 1


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def session_presence(
        self, session_id: strawberry.ID
    ) -> AsyncGenerator[PresenceEvent, None]:
        async for event in source.watch(session_id):
            yield event


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    async with source.taking_orders(control):
        yield


schema = strawberry.Schema(
    Query, subscription=Subscription, types=[PresenceSnapshot, PresenceChanges]
)
graphql: Any = GraphQL(schema)
routes = [Route("/graphql", graphql), WebSocketRoute("/graphql", graphql)]
app = Starlette(routes=routes, lifespan=lifespan)

if __name__ == "__main__":
    uvicorn.run(app, port=port, log_level="warning", ws_per_message_deflate=False)
