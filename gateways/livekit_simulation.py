"""LiveKit where there is none, for a demo or a trial: one room's webhooks, signed and posted.

The format is that of tests/recordings, which are of a real server.
"""

import asyncio
import base64
import hashlib
import json
import logging
import secrets
import string
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

import aiohttp
import jwt

logger = logging.getLogger("halaqa.simulation")

ATTEMPTS = 5
SIGNED_FOR = timedelta(minutes=5)
LETTERS = string.ascii_letters + string.digits
CODECS = ("audio/opus", "audio/red", "video/VP8", "video/H264", "video/VP9", "video/AV1")
PERMISSION = {"canSubscribe": True, "canPublish": True, "canPublishData": True}

Now = Callable[[], datetime]
Event = dict[str, Any]


class Sender:
    """Posts events to our door as livekit-server does: again after 1, 2, 4, 8 s, then never."""

    def __init__(self, url: str, key: str, secret: str) -> None:
        self._url = url
        self._key = key
        self._secret = secret
        self._http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10))

    async def aclose(self) -> None:
        await self._http.close()

    async def send(self, event: Event, now: datetime) -> None:
        body = json.dumps(event).encode()
        token = signed(body, self._key, self._secret, now)
        for attempt in range(ATTEMPTS):
            status = await self._post(body, token)
            if status is not None and status < 500:
                return
            await asyncio.sleep(2**attempt)
        logger.warning("simulated webhook given up", extra={"event": event["event"]})

    async def send_once(self, event: Event, now: datetime) -> int | None:
        """The status of the answer; None where there is none."""
        body = json.dumps(event).encode()
        return await self._post(body, signed(body, self._key, self._secret, now))

    async def _post(self, body: bytes, token: str) -> int | None:
        headers = {"Authorization": token, "Content-Type": "application/webhook+json"}
        try:
            async with self._http.post(self._url, data=body, headers=headers) as answer:
                return answer.status
        except (aiohttp.ClientError, TimeoutError):
            return None


def signed(body: bytes, key: str, secret: str, now: datetime) -> str:
    """The Authorization header: a bare JWT that carries the body's digest."""
    claims = {
        "iss": key,
        "nbf": int(now.timestamp()),
        "exp": int((now + SIGNED_FOR).timestamp()),
        "sha256": base64.b64encode(hashlib.sha256(body).digest()).decode(),
    }
    return jwt.encode(claims, secret, algorithm="HS256")


@dataclass(frozen=True, slots=True)
class Guest:
    """Somebody who may come. `metadata` is a JSON object."""

    identity: str
    name: str
    metadata: str


@dataclass(frozen=True, slots=True)
class Stay:
    guest: Guest
    sid: str
    joined_at: datetime

    def told(self, state: str, **more: Any) -> Event:
        return {
            "sid": self.sid,
            "identity": self.guest.identity,
            "state": state,
            "metadata": self.guest.metadata,
            **_moment("joinedAt", self.joined_at),
            "name": self.guest.name,
            "version": 2 if state == "ACTIVE" else 3,
            "permission": PERMISSION,
            **more,
            "clientProtocol": 16,
            "capabilities": ["CAP_PACKET_TRAILER", "CAP_COMPRESSION_DEFLATE_RAW"],
        }


class Sends(Protocol):
    async def send(self, event: Event, now: datetime) -> None: ...


class SimulatedRoom:
    """One life of a room. Open it, let guests join and leave, close it.

    `sid` and `made_at` are of a room that is open already.
    """

    def __init__(
        self,
        name: str,
        sender: Sends,
        now: Now,
        *,
        sid: str | None = None,
        made_at: datetime | None = None,
    ) -> None:
        self._name = name
        self._sender = sender
        self._now = now
        self._sid = sid or _sid("RM_")
        self._made_at = made_at or now()
        self._inside: dict[str, Stay] = {}

    async def open(self) -> None:
        await self._tell("room_started")

    async def join(self, guest: Guest) -> Stay:
        stay = Stay(guest, _sid("PA_"), self._now())
        self._inside[stay.sid] = stay
        await self._tell("participant_joined", participant=stay.told("ACTIVE"))
        return stay

    async def leave(self, stay: Stay, reason: str) -> None:
        """`reason` is LiveKit's word: CLIENT_INITIATED, CONNECTION_TIMEOUT, DUPLICATE_IDENTITY …"""
        self._inside.pop(stay.sid, None)
        told = stay.told("DISCONNECTED", disconnectReason=reason)
        await self._tell("participant_left", participant=told)

    async def close(self) -> None:
        """Delete it with whoever is inside."""
        for stay in list(self._inside.values()):
            await self.leave(stay, "ROOM_DELETED")
        await self._tell("room_finished")

    async def _tell(self, what: str, **parts: Event) -> None:
        now = self._now()
        event = {"event": what, "room": self._room(), **parts}
        event |= {"id": _sid("EV_"), "createdAt": str(int(now.timestamp()))}
        await self._sender.send(event, now)

    def _room(self) -> Event:
        return {
            "sid": self._sid,
            "name": self._name,
            "emptyTimeout": 300,
            "departureTimeout": 300,
            "maxParticipants": 50,
            **_moment("creationTime", self._made_at),
            "turnPassword": "simulated",
            "enabledCodecs": [{"mime": codec} for codec in CODECS],
        }


def _sid(prefix: str) -> str:
    return prefix + "".join(secrets.choice(LETTERS) for _ in range(12))


def _moment(name: str, at: datetime) -> Event:
    """64-bit integers are strings in protojson."""
    return {name: str(int(at.timestamp())), f"{name}Ms": str(round(at.timestamp() * 1000))}
