"""A simulated LiveKit for a demo or a trial: it signs and posts one room's webhooks.

The format is the one in tests/recordings, which were taken from a real server.
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
    """Post events to our webhook route as livekit-server does: retry after 1, 2, 4 and 8 s."""

    def __init__(self, url: str, key: str, secret: str) -> None:
        self._url = url
        self._key = key
        self._secret = secret
        self._http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10))

    async def aclose(self) -> None:
        await self._http.close()

    async def send(self, event: Event, now: datetime) -> None:
        """Post the event until it is answered by less than 500, or log that it was given up."""
        body = json.dumps(event).encode()
        token = signed(body, self._key, self._secret, now)
        for attempt in range(ATTEMPTS):
            status = await self._post(body, token)
            if status is not None and status < 500:
                return
            await asyncio.sleep(2**attempt)
        logger.warning("simulated webhook given up", extra={"event": event["event"]})

    async def send_once(self, event: Event, now: datetime) -> int | None:
        """Post the event once; return the status of the answer, or None when there is none."""
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
    """Return the Authorization header: a bare JWT that carries the body's digest."""
    claims = {
        "iss": key,
        "nbf": int(now.timestamp()),
        "exp": int((now + SIGNED_FOR).timestamp()),
        "sha256": base64.b64encode(hashlib.sha256(body).digest()).decode(),
    }
    return jwt.encode(claims, secret, algorithm="HS256")


@dataclass(frozen=True, slots=True)
class Guest:
    """A simulated person. `metadata` is a JSON object."""

    identity: str
    name: str
    metadata: str


@dataclass(frozen=True, slots=True)
class Stay:
    """One connection of a guest."""

    guest: Guest
    sid: str
    joined_at: datetime

    def as_participant(self, state: str, **more: Any) -> Event:
        """Return the `participant` part of a webhook."""
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


class EventSender(Protocol):
    async def send(self, event: Event, now: datetime) -> None: ...


class SimulatedRoom:
    """One life of a room: it opens, guests join and leave, it closes.

    `sid` and `made_at` are given when the room is open already.
    """

    def __init__(
        self,
        name: str,
        sender: EventSender,
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
        await self._send("room_started")

    async def join(self, guest: Guest) -> Stay:
        stay = Stay(guest, _sid("PA_"), self._now())
        self._inside[stay.sid] = stay
        await self._send("participant_joined", participant=stay.as_participant("ACTIVE"))
        return stay

    async def leave(self, stay: Stay, reason: str) -> None:
        """End a stay for LiveKit's `reason`: CLIENT_INITIATED, CONNECTION_TIMEOUT and so on."""
        self._inside.pop(stay.sid, None)
        participant = stay.as_participant("DISCONNECTED", disconnectReason=reason)
        await self._send("participant_left", participant=participant)

    async def close(self) -> None:
        """Delete the room: everybody inside leaves first."""
        for stay in list(self._inside.values()):
            await self.leave(stay, "ROOM_DELETED")
        await self._send("room_finished")

    async def _send(self, kind: str, **parts: Event) -> None:
        now = self._now()
        room = {
            "sid": self._sid,
            "name": self._name,
            "emptyTimeout": 300,
            "departureTimeout": 300,
            "maxParticipants": 50,
            **_moment("creationTime", self._made_at),
            "turnPassword": "simulated",
            "enabledCodecs": [{"mime": codec} for codec in CODECS],
        }
        event = {"event": kind, "room": room, **parts}
        event |= {"id": _sid("EV_"), "createdAt": str(int(now.timestamp()))}
        await self._sender.send(event, now)


def _sid(prefix: str) -> str:
    return prefix + "".join(secrets.choice(LETTERS) for _ in range(12))


def _moment(name: str, at: datetime) -> Event:
    """Return a time in s and in ms, each as text: protojson writes 64-bit integers so."""
    return {name: str(int(at.timestamp())), f"{name}Ms": str(round(at.timestamp() * 1000))}
