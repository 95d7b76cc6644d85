"""Shows what is in a room now, as LiveKit says; where LiveKit is silent, as our rows say."""

from dataclasses import dataclass
from datetime import datetime
from functools import partial

from domain.attendance.fold import Presence
from domain.attendance.state import AttendanceState, from_ms
from domain.errors import LiveKitUnavailableError
from domain.limits import moment_at
from domain.rooms import user_number
from gateways.livekit import WHILE_SOMEBODY_WAITS_S, LiveKit
from gateways.livekit_tokens import identity_of
from models import Session, User


@dataclass(frozen=True, slots=True)
class Inside:
    """A person in a room. `user_id` is None for an identity that we did not issue."""

    identity: str
    name: str
    user_id: int | None
    joined_at: datetime
    is_publisher: bool


@dataclass(frozen=True, slots=True)
class RoomView:
    """A room now. `sid` and `created_at` are None without one. `is_livekit`: LiveKit says so."""

    is_active: bool
    sid: str | None
    created_at: datetime | None
    inside: list[Inside]
    is_livekit: bool


async def fetch_room_view(livekit: LiveKit, session: Session) -> RoomView | None:
    """Ask LiveKit for the room; its answer is at most two seconds old. None if it is silent.

    Never makes a room.
    """
    name = str(session.room_name)
    try:
        ask = partial(livekit.list_rooms, timeout_s=WHILE_SOMEBODY_WAITS_S)
        room = (await livekit.single_flight.ask("", ask)).get(name)
        if room is None:
            return RoomView(False, None, None, [], is_livekit=True)
        people = partial(livekit.list_participants, name, timeout_s=WHILE_SOMEBODY_WAITS_S)
        found = await livekit.single_flight.ask(name, people)
    except LiveKitUnavailableError:
        return None
    inside = [
        Inside(
            identity=person.identity,
            name=person.name or person.identity,
            user_id=user_number(person.identity),
            joined_at=from_ms(person.joined_ms),
            is_publisher=person.is_publisher,
        )
        for person in found
        if person.is_inside and person.is_person
    ]
    return RoomView(True, room.sid, from_ms(room.created_ms), inside, is_livekit=True)


def stored_room_view(
    session: Session, roster: list[AttendanceState], people: dict[int, User]
) -> RoomView:
    """Build the view from our rows: the people inside are those whose attendance says so."""
    is_active = session.status.is_live and session.room_ready_at is not None
    made_ms = session.room_created_ms if is_active else None
    inside = []
    for state in roster:
        if state.result.presence is Presence.IN_MEETING:
            user = people[state.user_id]
            person = Inside(
                identity=identity_of(user.id, user.first_name, user.last_name),
                name=user.display_name,
                user_id=user.id,
                joined_at=moment_at(state.result.cycles[-1].joined_ms),
                is_publisher=False,
            )
            inside.append(person)
    return RoomView(
        is_active=is_active,
        sid=session.room_sid if is_active else None,
        created_at=from_ms(made_ms) if made_ms else None,
        inside=inside,
        is_livekit=False,
    )
