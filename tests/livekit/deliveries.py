"""LiveKit's deliveries to our door and their times. The door can be shut for a room."""

import json
import time
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

PATH = "/webhooks/livekit"


@dataclass
class Delivery:
    """One request. `at` is on the monotonic clock, in seconds; `number` is the person's."""

    at: float
    id: str
    event: str
    room: str
    number: int | None
    status: int = 0
    was_matched: bool = False


class Deliveries:
    """Stands before the app and passes everything on as it came."""

    def __init__(self) -> None:
        self.all: list[Delivery] = []
        self.refused_rooms: set[str] = set()

    def of(self, room: str, event: str, status: int = 200) -> list[Delivery]:
        wanted = (room, event, status)
        return [each for each in self.all if (each.room, each.event, each.status) == wanted]

    def before(self, app: ASGIApp) -> ASGIApp:
        async def asgi(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http" and scope["path"] == PATH:
                await self._note(app, scope, receive, send)
            else:
                await app(scope, receive, send)

        return asgi

    async def _note(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        at = time.monotonic()
        body = await Request(scope, receive).body()
        delivery = _read(at, json.loads(body))
        self.all.append(delivery)

        async def replay() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def noting(message: Message) -> None:
            if message["type"] == "http.response.start":
                delivery.status = message["status"]
            await send(message)

        shut = delivery.room in self.refused_rooms
        await (Response(status_code=503) if shut else app)(scope, replay, noting)


def _read(at: float, event: dict[str, Any]) -> Delivery:
    room = event.get("room", {}).get("name", "")
    leading = event.get("participant", {}).get("identity", "").partition("_")[0]
    return Delivery(at, event["id"], event["event"], room, int(leading) if leading else None)
