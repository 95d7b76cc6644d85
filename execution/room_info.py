"""Shapes what is in a meeting's room for a client."""

import models
from actions.rooms.room_view import RoomView
from schema.types.room import RoomInfo, RoomInfoSource, RoomParticipant


def room_info_of(session: models.Session, view: RoomView, *, is_managed: bool) -> RoomInfo:
    """Return the room. Only those who manage the session read the participants.

    Everybody who sees the session reads how many there are.
    """
    participants = [
        RoomParticipant(
            identity=one.identity,
            display_name=one.name,
            joined_at=one.joined_at,
            is_publisher=one.is_publisher,
            user_id=one.user_id,
            academy_id=session.academy_id,
        )
        for one in view.inside
    ]
    return RoomInfo(
        name=str(session.room_name),
        sid=view.sid,
        is_active=view.is_active,
        participant_count=len(participants),
        participants=participants if is_managed else [],
        created_at=view.created_at,
        source=RoomInfoSource.LIVEKIT if view.is_livekit else RoomInfoSource.DATABASE,
    )
