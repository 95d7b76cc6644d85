"""A LiveKit room as its webhooks tell of it, and the way to our door at a given time."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from itertools import count
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from domain.attendance.state import to_ms
from domain.rooms import participant_identity
from models import Session, User
from routes import livekit
from tests.support.webhooks import KEY, SECRET, encode, sign

PATH = "/webhooks/livekit"

_numbers = count(1)


@dataclass(frozen=True, slots=True)
class Stay:
    """One participant sid of somebody in a room."""

    user: User
    since: datetime
    sid: str = field(default_factory=lambda: f"PA_{next(_numbers)}")

    def told(self, **changes: Any) -> dict[str, Any]:
        names = (self.user.first_name, self.user.last_name)
        return {
            "sid": self.sid,
            "identity": participant_identity(self.user.id, *names),
            "state": "ACTIVE",
            **_moments("joinedAt", self.since),
        } | changes


@dataclass(frozen=True, slots=True)
class Room:
    """One life of a session's room. Every event is a dict that can be changed before it is sent."""

    session: Session
    made_at: datetime
    sid: str = field(default_factory=lambda: f"RM_{next(_numbers)}")

    def started(self) -> dict[str, Any]:
        return self._event("room_started", self.made_at)

    def finished(self, at: datetime) -> dict[str, Any]:
        return self._event("room_finished", at)

    def joined(self, stay: Stay, **changes: Any) -> dict[str, Any]:
        return self._event("participant_joined", stay.since, participant=stay.told(**changes))

    def left(
        self, stay: Stay, at: datetime, reason: str = "CLIENT_INITIATED", **changes: Any
    ) -> dict[str, Any]:
        told = stay.told(state="DISCONNECTED", disconnectReason=reason, **changes)
        return self._event("participant_left", at, participant=told)

    def aborted(self, stay: Stay, at: datetime) -> dict[str, Any]:
        told = stay.told(state="DISCONNECTED", disconnectReason="SIGNAL_CLOSE")
        return self._event("participant_connection_aborted", at, participant=told)

    def _event(self, kind: str, at: datetime, **parts: Any) -> dict[str, Any]:
        made = _moments("creationTime", self.made_at)
        return {
            "event": kind,
            "room": {"sid": self.sid, "name": self.session.room_name, **made},
            "id": f"EV_{next(_numbers)}",
            "createdAt": str(to_ms(at) // 1000),
            **parts,
        }


def _moments(name: str, at: datetime) -> dict[str, str]:
    return {name: str(to_ms(at) // 1000), f"{name}Ms": str(to_ms(at))}


async def send(event: Mapping[str, Any], now: datetime) -> int:
    """Post the event as livekit-server does; return the status of the answer."""
    return await send_raw(encode(dict(event)), now)


async def send_raw(body: bytes, now: datetime, *, token: str | None = None) -> int:
    return await post(body, now, sign(body, now=now) if token is None else token)


async def post(
    body: bytes | AsyncIterator[bytes],
    now: datetime,
    token: str,
    keys: Mapping[str, str] | None = None,
) -> int:
    """Post to a door at which it is `now`."""
    app = door(partial(livekit.receive, keys=keys or {KEY: SECRET}, now=now))
    headers = {"Authorization": token, "Content-Type": "application/webhook+json"}
    async with client(app) as web:
        return (await web.post(PATH, content=body, headers=headers)).status_code


def door(endpoint: Callable[[Request], Awaitable[Response]] = livekit.receive) -> Starlette:
    async def receive(request: Request) -> Response:
        return await endpoint(request)

    return Starlette(routes=[Route(PATH, receive, methods=["POST"])])


def client(app: Starlette) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://halaqa.test")
