"""The place of a school: the application, whatever its shape, and a livekit-server."""

from typing import Protocol

from tests.livekit.deliveries import Deliveries
from tests.livekit.door import Door, Person
from tests.livekit.rooms import Rooms
from tests.support.livekit_server import LiveKitServer


class Place(Protocol):
    """`root` is the super admin."""

    root: Person
    livekit: LiveKitServer
    rooms: Rooms
    deliveries: Deliveries

    @property
    def door(self) -> Door: ...
