"""The demo simulates LiveKit and the people who join as the recordings show the real ones."""

import json
from dataclasses import dataclass, field
from random import Random
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

import clock
from demo.crowd import Ending, planned_stays
from gateways.livekit_simulation import Guest, SimulatedRoom
from gateways.livekit_webhooks import translate, verify
from tests.support import recordings
from tests.support.server import serve
from tests.support.simulation import sending
from tests.support.webhooks import KEY, SECRET


@dataclass
class Door:
    """Takes webhooks as they come, and answers the first so many with 503."""

    refuses: int = 0
    taken: list[tuple[bytes, str]] = field(default_factory=list)  # body, Authorization

    async def receive(self, request: Request) -> Response:
        assert request.headers["content-type"] == "application/webhook+json"
        self.taken.append((await request.body(), request.headers["authorization"]))
        return Response(status_code=503 if len(self.taken) <= self.refuses else 200)

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/hook", self.receive, methods=["POST"])])


async def test_a_simulated_room_tells_what_a_real_one_tells() -> None:
    door = Door()
    async with serve(door.app()) as url, sending(f"{url}/hook") as sender:
        room = SimulatedRoom("noor-academy-quran-session-1", sender, clock.now)
        await room.open()
        stay = await room.join(Guest("8_Umar", "Umar", "{}"))
        await room.leave(stay, "CLIENT_INITIATED")
        await room.join(Guest("9_Layla", "Layla", "{}"))
        await room.close()
    bodies = [json.loads(body) for body, _ in door.taken]
    names = [body["event"].removeprefix("participant_") for body in bodies]
    assert names == ["room_started", "joined", "left", "joined", "left", "room_finished"]
    for body, authorization in door.taken:
        verify(body, authorization, {KEY: SECRET}, clock.now())
        assert translate(body).room_name == "noor-academy-quran-session-1"
    for body in bodies:
        assert shape(body) in real_shapes(body["event"])


def shape(body: dict[str, Any]) -> frozenset[str]:
    """The names of the fields, nested ones too, without those that depend on the room's use."""
    inner = {f"{part}.{name}" for part in ("room", "participant") for name in body.get(part, {})}
    return frozenset(body) | inner - {"room.metadata", "room.numParticipants"}


def real_shapes(event: str) -> set[frozenset[str]]:
    sent = recordings.deliveries("class")
    return {shape(delivery.body) for delivery in sent if delivery.body["event"] == event}


async def test_a_webhook_that_was_not_stored_is_sent_again_as_it_was() -> None:
    door = Door(refuses=1)
    async with serve(door.app()) as url, sending(f"{url}/hook") as sender:
        await SimulatedRoom("a-room", sender, clock.now).open()
    first, second = door.taken
    assert first == second


def test_simulated_people_join_soon_and_leave_in_every_way() -> None:
    for place in range(7):
        plan = planned_stays(Random(place), place)
        first = next(plan)
        assert first.after_s < 10
        assert {visit.ending for visit, _ in zip(plan, range(100), strict=False)} == set(Ending)
