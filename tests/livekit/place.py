"""The place of a school: the application, whatever its shape, and a livekit-server."""

from typing import Protocol

from tests.livekit.deliveries import Deliveries
from tests.livekit.door import Door, Person
from tests.livekit.rooms import Rooms
from tests.support.livekit_server import LiveKitServer


class Place(Protocol):
    livekit: LiveKitServer
    rooms: Rooms
    deliveries: Deliveries

    @property
    def door(self) -> Door: ...

    async def sign_in_root(self) -> Person:
        """The super admin with a new token, which lasts a quarter of an hour."""
