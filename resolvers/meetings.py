"""Mutations that make and end meetings."""

import strawberry

import models
from actions.rooms import meeting_create, meeting_end
from execution.context import Info
from execution.payloads import answers
from schema.types.ids import Kind, require_number
from schema.types.inputs import CreateMeetingInput, given_values
from schema.types.meeting import Meeting
from schema.types.payloads import MeetingPayload
from schema.types.session_kinds import session_of


@answers(MeetingPayload)
async def create_meeting(info: Info, input: CreateMeetingInput) -> MeetingPayload:
    context = info.context
    wishes = given_values(input)
    number = require_number(Kind.SESSION, wishes.pop("session_id"), "sessionId")
    return _answer(await meeting_create.create_meeting(context.viewer, number, wishes, context.now))


@answers(MeetingPayload)
async def end_meeting(info: Info, session_id: strawberry.ID) -> MeetingPayload:
    context = info.context
    number = require_number(Kind.SESSION, session_id, "sessionId")
    livekit = context.services.venue.livekit
    return _answer(await meeting_end.end_meeting(livekit, context.viewer, number, context.now))


def _answer(row: models.Session) -> MeetingPayload:
    return MeetingPayload(session=session_of(row), meeting=Meeting.of(row))
