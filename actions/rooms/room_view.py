"""What is in a room now: LiveKit's word, where it answers, and else our own rows'."""

from dataclasses import dataclass
from datetime import datetime
from functools import partial

from domain.attendance.fold import Presence
from domain.attendance.state import AttendanceState, from_ms
from domain.errors import LiveKitUnavailableError
from domain.rooms import user_number
from gateways.livekit import WHILE_SOMEBODY_WAITS_S, LiveKit, Participant
from gateways.livekit_tokens import identity_of
from models import Session, User


@dataclass(frozen=True, slots=True)
class Inside:
    """Somebody in a room. `user_id` is None for an identity that we did not hand out."""

    identity: str
    name: str
    user_id: int | None
    joined_at: datetime
    is_publisher: bool


@dataclass(frozen=True, slots=True)
class RoomView:
    """`sid` and `created_at` are None where there is no room. `is_livekit`: by LiveKit's word."""

    is_active: bool
    sid: str | None
    created_at: datetime | None
    inside: list[Inside]
    is_livekit: bool


async def look_into(livekit: LiveKit, session: Session) -> RoomView | None:
    """The room as LiveKit tells of it, at most two seconds old; None where it does not answer.

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
    inside = [_inside(one) for one in found if one.is_inside and one.is_person]
    return RoomView(True, room.sid, from_ms(room.created_ms), inside, is_livekit=True)


def _inside(person: Participant) -> Inside:
    return Inside(
        identity=person.identity,
        name=person.name or person.identity,
        user_id=user_number(person.identity),
        joined_at=from_ms(person.joined_ms),
        is_publisher=person.is_publisher,
    )


def stored(session: Session, roster: list[AttendanceState], people: dict[int, User]) -> RoomView:
    """The room as far as the database knows: who is in the meeting by their attendance."""
    is_active = session.status.is_live and session.room_ready_at is not None
    made_ms = session.room_created_ms if is_active else None
    return RoomView(
        is_active=is_active,
        sid=session.room_sid if is_active else None,
        created_at=from_ms(made_ms) if made_ms else None,
        inside=[_known(one, people[one.user_id]) for one in roster if _is_inside(one)],
        is_livekit=False,
    )


def _is_inside(state: AttendanceState) -> bool:
    return state.result.presence is Presence.IN_MEETING


def _known(state: AttendanceState, user: User) -> Inside:
    return Inside(
        identity=identity_of(user.id, user.first_name, user.last_name),
        name=user.display_name,
        user_id=user.id,
        joined_at=from_ms(state.result.joined_since_ms or 0),
        is_publisher=False,
    )
