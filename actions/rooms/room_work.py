"""Hands the actions on rooms to the clock and its jobs, which may not know the gateway."""

from functools import partial

from actions.admittance.barring import remove_person
from actions.rooms.cleanup import tidy
from actions.rooms.reconciler import reconcile_in_turn
from actions.rooms.room import delete_room, make_room
from gateways.livekit import LiveKit


class Rooms:
    """Actions on rooms, bound to this process's LiveKit."""

    def __init__(self, livekit: LiveKit) -> None:
        self.make_room = partial(make_room, livekit)
        self.delete_room = partial(delete_room, livekit)
        self.remove_person = partial(remove_person, livekit)
        self.reconcile_in_turn = partial(reconcile_in_turn, livekit)
        self.tidy = partial(tidy, livekit)
