"""Who may come to one session, beyond its roster and in spite of it."""

from collections.abc import Awaitable, Callable
from datetime import datetime

import strawberry

import models
from actions.admittance import barring, participants
from domain.access import Viewer
from execution.context import Info
from execution.payloads import answers
from schema.types.ids import Kind, need
from schema.types.payloads import SessionPayload
from schema.types.session_kinds import session_of

Action = Callable[[Viewer, int, int, datetime], Awaitable[models.Session]]


@answers(SessionPayload)
async def add_participant(
    info: Info, session_id: strawberry.ID, user_id: strawberry.ID
) -> SessionPayload:
    return await _about(info, session_id, user_id, participants.add_participant)


@answers(SessionPayload)
async def unbar_participant(
    info: Info, session_id: strawberry.ID, user_id: strawberry.ID
) -> SessionPayload:
    return await _about(info, session_id, user_id, barring.unbar_participant)


async def _about(info: Info, session_id: str, user_id: str, act: Action) -> SessionPayload:
    row = await act(
        info.context.viewer,
        need(Kind.SESSION, session_id, "sessionId"),
        need(Kind.USER, user_id, "userId"),
        info.context.now,
    )
    return SessionPayload(session=session_of(row))
