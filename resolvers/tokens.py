"""The mutation that gives meeting tokens."""

from actions.rooms import meeting_tokens
from actions.rooms.meeting_tokens import Wish
from execution.context import Info
from execution.payloads import answers
from schema.types.ids import Kind, require_number
from schema.types.inputs import CreateMeetingTokenInput
from schema.types.meeting import MeetingToken, TokenPermissions
from schema.types.payloads import MeetingTokenPayload
from schema.types.scalars import URL


@answers(MeetingTokenPayload)
async def create_meeting_token(info: Info, input: CreateMeetingTokenInput) -> MeetingTokenPayload:
    context = info.context
    issued = await meeting_tokens.create_meeting_token(
        context.services.venue,
        context.viewer,
        require_number(Kind.SESSION, input.session_id, "sessionId"),
        Wish(input.can_publish, input.can_subscribe),
        context.now,
    )
    admission, grant = issued.admission, issued.admission.grant
    token = MeetingToken(
        access_token=issued.access_token,
        server_url=URL(issued.server_url),
        room_name=admission.room_name,
        participant_identity=admission.identity,
        permissions=TokenPermissions(
            can_publish=grant.can_publish,
            can_subscribe=grant.can_subscribe,
            can_publish_data=grant.can_publish_data,
            can_share_screen=grant.can_share_screen,
            room_admin=grant.room_admin,
        ),
        room_ensured=issued.is_room_ensured,
        expires_at=issued.expires_at,
    )
    return MeetingTokenPayload(token=token)
