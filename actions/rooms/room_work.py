"""Hands the actions on rooms to the clock and its jobs, which may not know the gateway."""

from dataclasses import dataclass
from datetime import datetime

from actions.admittance.barring import remove_person
from actions.rooms.cleanup import tidy
from actions.rooms.reconciler import reconcile_in_turn
from actions.rooms.room import delete_room, make_room
from gateways.livekit import LiveKit


@dataclass(frozen=True, slots=True)
class Rooms:
    """The actions on rooms, bound to this process's LiveKit."""

    _livekit: LiveKit

    async def make(self, session_id: int, now: datetime) -> None:
        await make_room(self._livekit, session_id, now)

    async def delete(self, session_id: int, now: datetime) -> None:
        await delete_room(self._livekit, session_id, now)

    async def remove_person(self, participant_id: int, now: datetime) -> None:
        await remove_person(self._livekit, participant_id, now)

    async def reconcile_in_turn(self, now: datetime) -> int | None:
        return await reconcile_in_turn(self._livekit, now)

    async def tidy(self, now: datetime) -> None:
        await tidy(self._livekit, now)
