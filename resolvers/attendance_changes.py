"""Mutations that report, override and recalculate attendance."""

import strawberry

import models
from actions.attendance import overrides, recalculation, reports
from actions.attendance.overrides import Wish
from domain.attendance.fold import AttendanceStatus
from domain.attendance.state import AttendanceState
from execution.context import Info
from execution.payloads import answers
from schema.types.attendance import Attendance
from schema.types.given import given
from schema.types.ids import Kind, number_of, require_number
from schema.types.payloads import AttendancePayload, AttendancesPayload, SessionPayload
from schema.types.session_kinds import session_of


@answers(AttendancePayload)
async def report_join(
    info: Info, session_id: strawberry.ID, participant_sid: str | None = strawberry.UNSET
) -> AttendancePayload:
    number = require_number(Kind.SESSION, session_id, "sessionId")
    context = info.context
    state = await reports.report_join(context.viewer, number, given(participant_sid), context.now)
    return await _answer(info, state)


@answers(AttendancePayload)
async def report_leave(
    info: Info, session_id: strawberry.ID, participant_sid: str | None = strawberry.UNSET
) -> AttendancePayload:
    number = require_number(Kind.SESSION, session_id, "sessionId")
    context = info.context
    state = await reports.report_leave(context.viewer, number, given(participant_sid), context.now)
    return await _answer(info, state)


@answers(AttendancePayload)
async def override_attendance(
    info: Info,
    session_id: strawberry.ID,
    user_id: strawberry.ID,
    status: AttendanceStatus,
    note: str,
) -> AttendancePayload:
    state = await overrides.override_attendance(
        info.context.viewer,
        require_number(Kind.SESSION, session_id, "sessionId"),
        require_number(Kind.USER, user_id, "userId"),
        Wish(status, note),
        info.context.now,
    )
    return await _answer(info, state)


@answers(AttendancesPayload, bulk="userIds")
async def override_attendances(
    info: Info,
    session_id: strawberry.ID,
    user_ids: list[strawberry.ID],
    status: AttendanceStatus,
    note: str,
) -> AttendancesPayload:
    now = info.context.now
    number = require_number(Kind.SESSION, session_id, "sessionId")
    states = await overrides.override_attendances(
        info.context.viewer,
        number,
        [number_of(Kind.USER, user_id) or 0 for user_id in user_ids],
        Wish(status, note),
        now,
    )
    session = await models.Session.get(id=number)
    return AttendancesPayload(attendances=[Attendance.of(state, session, now) for state in states])


@answers(AttendancePayload)
async def withdraw_attendance_override(
    info: Info, session_id: strawberry.ID, user_id: strawberry.ID
) -> AttendancePayload:
    state = await overrides.withdraw_attendance_override(
        info.context.viewer,
        require_number(Kind.SESSION, session_id, "sessionId"),
        require_number(Kind.USER, user_id, "userId"),
        info.context.now,
    )
    return await _answer(info, state)


@answers(SessionPayload)
async def recalculate_attendance(info: Info, session_id: strawberry.ID) -> SessionPayload:
    number = require_number(Kind.SESSION, session_id, "sessionId")
    session = await recalculation.recalculate_attendance(
        info.context.viewer, number, info.context.now
    )
    return SessionPayload(session=session_of(session))


async def _answer(info: Info, state: AttendanceState) -> AttendancePayload:
    session = await models.Session.get(id=state.session_id)
    return AttendancePayload(attendance=Attendance.of(state, session, info.context.now))
