"""Mutations that schedule and change sessions."""

from datetime import datetime

import strawberry

from actions.sessions import (
    day_cancel,
    session_cancel,
    session_keep_open,
    session_reschedule,
    session_schedule,
    session_status,
    session_update,
)
from actions.sessions.session_input import SessionInput
from domain.status import SessionStatus
from execution.context import Info
from execution.payloads import answers
from schema.types.given import given
from schema.types.ids import Kind, number_of, optional_number, require_number
from schema.types.inputs import (
    ScheduleSessionInput,
    UpdateSessionInput,
    given_values,
)
from schema.types.payloads import SessionPayload, SessionsPayload
from schema.types.session_kinds import session_of

ID_KINDS = {"teacher_id": Kind.USER, "student_id": Kind.USER, "group_id": Kind.GROUP}


@answers(SessionPayload)
async def schedule_session(info: Info, input: ScheduleSessionInput) -> SessionPayload:
    row = await session_schedule.schedule_session(
        info.context.viewer, _session_input(input), info.context.now
    )
    return SessionPayload(session=session_of(row))


@answers(SessionsPayload, bulk="inputs")
async def schedule_sessions(info: Info, inputs: list[ScheduleSessionInput]) -> SessionsPayload:
    plans = [_session_input(input) for input in inputs]
    rows = await session_schedule.schedule_sessions(info.context.viewer, plans, info.context.now)
    return SessionsPayload(sessions=[session_of(row) for row in rows])


def _session_input(input: ScheduleSessionInput) -> SessionInput:
    return SessionInput(
        academy_id=optional_number(Kind.ACADEMY, input.academy_id) or 0,
        external_id=given(input.external_id),
        kind=input.kind,
        title=input.title,
        notes=given(input.notes),
        teacher_id=optional_number(Kind.USER, input.teacher_id) or 0,
        student_id=optional_number(Kind.USER, given(input.student_id)),
        group_id=optional_number(Kind.GROUP, given(input.group_id)),
        scheduled_at=input.scheduled_at,
        duration_minutes=input.duration_minutes,
        subject=given(input.subject),
        session_number=given(input.session_number),
    )


@answers(SessionPayload)
async def reschedule_session(
    info: Info,
    session_id: strawberry.ID,
    scheduled_at: datetime,
    duration_minutes: int | None = strawberry.UNSET,
) -> SessionPayload:
    row = await session_reschedule.reschedule_session(
        info.context.viewer,
        require_number(Kind.SESSION, session_id, "sessionId"),
        scheduled_at,
        given(duration_minutes),
        info.context.now,
    )
    return SessionPayload(session=session_of(row))


@answers(SessionPayload)
async def cancel_session(
    info: Info, session_id: strawberry.ID, reason: str | None = strawberry.UNSET
) -> SessionPayload:
    row = await session_cancel.cancel_session(
        info.context.viewer,
        require_number(Kind.SESSION, session_id, "sessionId"),
        given(reason),
        info.context.now,
    )
    return SessionPayload(session=session_of(row))


@answers(SessionPayload)
async def change_session_status(
    info: Info,
    session_id: strawberry.ID,
    to: SessionStatus,
    reason: str | None = strawberry.UNSET,
) -> SessionPayload:
    row = await session_status.change_session_status(
        info.context.viewer,
        require_number(Kind.SESSION, session_id, "sessionId"),
        to,
        given(reason),
        info.context.now,
    )
    return SessionPayload(session=session_of(row))


@answers(SessionPayload)
async def update_session(
    info: Info, session_id: strawberry.ID, input: UpdateSessionInput
) -> SessionPayload:
    number = require_number(Kind.SESSION, session_id, "sessionId")
    values = given_values(input)
    for name, kind in ID_KINDS.items():
        if name in values:
            values[name] = optional_number(kind, values[name])
    row = await session_update.update_session(info.context.viewer, number, values, info.context.now)
    return SessionPayload(session=session_of(row))


@answers(SessionsPayload, bulk="sessionIds")
async def cancel_sessions(
    info: Info, session_ids: list[strawberry.ID], reason: str | None = strawberry.UNSET
) -> SessionsPayload:
    ids = [number_of(Kind.SESSION, session_id) or 0 for session_id in session_ids]
    rows = await session_cancel.cancel_sessions(
        info.context.viewer, ids, given(reason), info.context.now
    )
    return SessionsPayload(sessions=[session_of(row) for row in rows])


@answers(SessionsPayload)
async def cancel_day(
    info: Info,
    academy_id: strawberry.ID,
    local_date: str,
    teacher_id: strawberry.ID | None = strawberry.UNSET,
    group_id: strawberry.ID | None = strawberry.UNSET,
    reason: str | None = strawberry.UNSET,
) -> SessionsPayload:
    rows = await day_cancel.cancel_day(
        info.context.viewer,
        require_number(Kind.ACADEMY, academy_id, "academyId"),
        local_date,
        given(reason),
        info.context.now,
        teacher_id=optional_number(Kind.USER, given(teacher_id)),
        group_id=optional_number(Kind.GROUP, given(group_id)),
    )
    return SessionsPayload(sessions=[session_of(row) for row in rows])


@answers(SessionPayload)
async def keep_session_open(
    info: Info, session_id: strawberry.ID, minutes: int | None = strawberry.UNSET
) -> SessionPayload:
    row = await session_keep_open.keep_session_open(
        info.context.viewer,
        require_number(Kind.SESSION, session_id, "sessionId"),
        given(minutes),
        info.context.now,
    )
    return SessionPayload(session=session_of(row))


@answers(SessionPayload)
async def release_session(info: Info, session_id: strawberry.ID) -> SessionPayload:
    number = require_number(Kind.SESSION, session_id, "sessionId")
    row = await session_keep_open.release_session(info.context.viewer, number, info.context.now)
    return SessionPayload(session=session_of(row))
