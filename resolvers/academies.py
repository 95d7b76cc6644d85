"""Queries and mutations of academies and their settings."""

import strawberry

from actions.academies import (
    academy_create,
    academy_update,
    attendance_policy,
    teacher_settings,
    video_settings,
)
from domain.configuration import HOURS
from execution.context import Info
from execution.payloads import answers
from models import Academy as AcademyRow
from models.reading.pages import BY_ID, read_page
from schema.types.academy import Academy
from schema.types.given import given
from schema.types.ids import Kind, number_of, require_number
from schema.types.inputs import (
    AcademyInput,
    UpdateAcademyInput,
    given_values,
)
from schema.types.pages import Connection
from schema.types.payloads import AcademyPayload, UserPayload
from schema.types.settings import (
    AttendancePolicyInput,
    TeacherMeetingSettingsInput,
    VideoSettingsInput,
)
from schema.types.user import User


async def academies(
    info: Info, first: int | None = strawberry.UNSET, after: str | None = strawberry.UNSET
) -> Connection[Academy]:
    rows = AcademyRow.visible_to(info.context.viewer)
    found = await read_page(rows, first=given(first), after=given(after))
    return Connection.of(found, cursor=BY_ID.cursor, node=Academy.of)


async def academy(
    info: Info, id: strawberry.ID | None = strawberry.UNSET, slug: str | None = strawberry.UNSET
) -> Academy | None:
    rows = AcademyRow.visible_to(info.context.viewer)
    if id:
        rows = rows.filter(id=number_of(Kind.ACADEMY, id) or 0)
    if slug:
        rows = rows.filter(slug=slug)
    row = await rows.first() if id or slug else None
    return Academy.of(row) if row else None


@answers(AcademyPayload)
async def create_academy(info: Info, input: AcademyInput) -> AcademyPayload:
    row = await academy_create.create_academy(
        info.context.viewer, given_values(input), info.context.now
    )
    return AcademyPayload(academy=Academy.of(row))


@answers(AcademyPayload)
async def update_academy(
    info: Info, academy_id: strawberry.ID, input: UpdateAcademyInput
) -> AcademyPayload:
    context = info.context
    number = require_number(Kind.ACADEMY, academy_id, "academyId")
    row = await academy_update.update_academy(
        context.viewer, number, given_values(input), context.now
    )
    return AcademyPayload(academy=Academy.of(row))


@answers(AcademyPayload)
async def update_video_settings(
    info: Info, academy_id: strawberry.ID, input: VideoSettingsInput
) -> AcademyPayload:
    context = info.context
    row = await video_settings.update_video_settings(
        context.viewer,
        require_number(Kind.ACADEMY, academy_id, "academyId"),
        given_values(input, cleared_by_null=HOURS),
        context.now,
    )
    return AcademyPayload(academy=Academy.of(row))


@answers(AcademyPayload)
async def update_attendance_policy(
    info: Info, academy_id: strawberry.ID, input: AttendancePolicyInput
) -> AcademyPayload:
    row = await attendance_policy.update_attendance_policy(
        info.context.viewer,
        require_number(Kind.ACADEMY, academy_id, "academyId"),
        given_values(input),
    )
    return AcademyPayload(academy=Academy.of(row))


@answers(UserPayload)
async def update_teacher_meeting_settings(
    info: Info, teacher_id: strawberry.ID, input: TeacherMeetingSettingsInput
) -> UserPayload:
    context = info.context
    number = require_number(Kind.USER, teacher_id, "teacherId")
    row = await teacher_settings.update_teacher_meeting_settings(
        context.viewer, number, given_values(input, cleared_by_null=vars(input)), context.now
    )
    return UserPayload(user=User.of(row))
