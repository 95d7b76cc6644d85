"""Mutations that add a person to one session or let a barred person in again."""

from collections.abc import Awaitable, Callable
from datetime import datetime

import strawberry

import models
from actions.admittance import barring, participants
from domain.access import Viewer
from execution.context import Info
from execution.payloads import answers
from schema.types.ids import Kind, require_number
from schema.types.payloads import SessionPayload
from schema.types.session_kinds import session_of

Action = Callable[[Viewer, int, int, datetime], Awaitable[models.Session]]


@answers(SessionPayload)
async def add_participant(
    info: Info, session_id: strawberry.ID, user_id: strawberry.ID
) -> SessionPayload:
    return await _change_admittance(info, session_id, user_id, participants.add_participant)


@answers(SessionPayload)
async def unbar_participant(
    info: Info, session_id: strawberry.ID, user_id: strawberry.ID
) -> SessionPayload:
    return await _change_admittance(info, session_id, user_id, barring.unbar_participant)


async def _change_admittance(
    info: Info, session_id: str, user_id: str, action: Action
) -> SessionPayload:
    row = await action(
        info.context.viewer,
        require_number(Kind.SESSION, session_id, "sessionId"),
        require_number(Kind.USER, user_id, "userId"),
        info.context.now,
    )
    return SessionPayload(session=session_of(row))
