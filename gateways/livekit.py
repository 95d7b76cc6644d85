"""LiveKit's rooms by its HTTP API: each call ends in time and fails in one of two ways."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Self, TypeVar

import aiohttp
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper
from google.protobuf.message import DecodeError
from livekit import api
from livekit.protocol import models

import telemetry
from domain.errors import LiveKitUnavailableError
from domain.meeting import RoomSpec
from domain.rooms import is_person
from gateways.livekit_tokens import Grant
from gateways.single_flight import SingleFlight
from settings import Settings

WHILE_SOMEBODY_WAITS_S = 1.0
IN_BACKGROUND_S = 5.0
ANSWER_KEPT_S = 2.0

Request = TypeVar("Request")
Answer = TypeVar("Answer")

_PASSING_STATUSES = frozenset({408, 425, 429})


class LiveKitRefusedError(LiveKitUnavailableError):
    """LiveKit, or another server at its address, said no: the same call would fail again."""

    is_not_found = False


@dataclass(frozen=True, slots=True)
class Room:
    """A room that exists now. It leaves out LiveKit's count of participants, which lags."""

    name: str
    sid: str
    created_ms: int

    @classmethod
    def of(cls, room: models.Room) -> Self:
        return cls(room.name, room.sid, room.creation_time_ms or room.creation_time * 1000)


@dataclass(frozen=True, slots=True)
class Participant:
    """A participant that LiveKit lists in a room.

    `joined_ms` is 0 when LiveKit does not say it; `grant` is what their token granted. `state`
    (JOINING, JOINED, ACTIVE, DISCONNECTED) and `kind` (STANDARD, SIP, EGRESS, INGRESS, AGENT …)
    are LiveKit's own words. Only an ACTIVE participant is in the room.
    """

    identity: str
    sid: str
    name: str
    joined_ms: int
    state: str
    kind: str
    is_publisher: bool
    grant: Grant

    @property
    def is_inside(self) -> bool:
        return self.state == "ACTIVE"

    @property
    def is_person(self) -> bool:
        return is_person(self.kind, self.identity)

    @classmethod
    def of(cls, info: models.ParticipantInfo) -> Self:
        return cls(
            identity=info.identity,
            sid=info.sid,
            name=info.name,
            joined_ms=info.joined_at_ms or info.joined_at * 1000,
            state=_word(models.ParticipantInfo.State, info.state),
            kind=_word(models.ParticipantInfo.Kind, info.kind),
            is_publisher=info.is_publisher,
            grant=Grant.from_attributes(info.attributes),
        )


def _word(names: EnumTypeWrapper, value: int) -> str:
    """Return the value's name, or its number when a newer server sends a value unknown here."""
    try:
        return str(names.Name(value))
    except ValueError:
        return str(value)


class LiveKit:
    """The client: one per process, made inside the running loop and closed with `aclose`.

    Callers that only show a room ask through `single_flight`. Every method raises
    LiveKitUnavailableError (no answer in time, no connection, server error) or its subclass
    LiveKitRefusedError (wrong key, wrong address, invalid request).
    """

    def __init__(self, api_url: str, key: str, secret: str, *, tls_verify: bool = True) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=tls_verify), cookie_jar=aiohttp.DummyCookieJar()
        )
        self.single_flight = SingleFlight(ANSWER_KEPT_S)
        self._api = api.LiveKitAPI(api_url, key, secret, session=self._session, failover=False)

    async def ensure_room(self, spec: RoomSpec, *, timeout_s: float = IN_BACKGROUND_S) -> Room:
        """Make the room, or return the one that is there, with its settings unchanged."""
        request = api.CreateRoomRequest(
            name=spec.name,
            empty_timeout=spec.empty_timeout_s,
            departure_timeout=spec.departure_timeout_s,
            max_participants=spec.max_participants,
            metadata=spec.metadata,
        )
        room = Room.of(await _ask(self._api.room.create_room, request, timeout_s))
        if not (room.sid and room.name == spec.name):
            raise LiveKitRefusedError("LiveKit's address answers, but not with the room.")
        return room

    async def delete_room(self, name: str, *, timeout_s: float = IN_BACKGROUND_S) -> None:
        """Put everybody out and close the room; succeed when it is gone already."""
        request = api.DeleteRoomRequest(room=name)
        try:
            await _ask(self._api.room.delete_room, request, timeout_s)
        except LiveKitRefusedError as error:
            if not error.is_not_found:
                raise

    async def list_rooms(self, *, timeout_s: float = IN_BACKGROUND_S) -> dict[str, Room]:
        """Return all rooms by name, in one call."""
        answer = await _ask(self._api.room.list_rooms, api.ListRoomsRequest(), timeout_s)
        return {room.name: Room.of(room) for room in answer.rooms}

    async def list_participants(
        self, room: str, *, timeout_s: float = IN_BACKGROUND_S
    ) -> list[Participant]:
        """Return the participants of a room in every state and of every kind.

        For a missing room, a server with `enable_psrpc_for_get_list_participants` does not answer
        (LiveKitUnavailableError after a second) and any other server returns an empty list.
        Neither proves that nobody is there: `list_rooms` says whether the room exists.
        """
        request = api.ListParticipantsRequest(room=room)
        answer = await _ask(self._api.room.list_participants, request, timeout_s)
        return [Participant.of(info) for info in answer.participants]

    async def remove_participant(
        self, room: str, identity: str, *, timeout_s: float = IN_BACKGROUND_S
    ) -> None:
        """Put one person out of a room; succeed when they are not there."""
        request = api.RoomParticipantIdentity(room=room, identity=identity)
        try:
            await _ask(self._api.room.remove_participant, request, timeout_s)
        except LiveKitRefusedError as error:
            if not error.is_not_found:
                raise

    async def ping(self, *, timeout_s: float = WHILE_SOMEBODY_WAITS_S) -> None:
        """Return if LiveKit answers at this address and accepts this key."""
        await _ask(self._api.room.list_rooms, api.ListRoomsRequest(names=["-"]), timeout_s)

    async def aclose(self) -> None:
        await self._session.close()


async def _ask(
    method: Callable[[Request], Awaitable[Answer]], request: Request, timeout_s: float
) -> Answer:
    """Call LiveKit, end the call in time, and turn all its errors into ours."""
    with telemetry.calling_livekit(getattr(method, "__name__", "other")):
        try:
            # livekit-api's own timeout never fires: it gives aiohttp None, which means no limit.
            async with asyncio.timeout(timeout_s):
                return await _retry_if_dropped(method, request)
        except TimeoutError as error:
            raise LiveKitUnavailableError("LiveKit did not answer in time.") from error
        except api.TwirpError as error:
            # A bad key is answered in plain text, which has a status and no code.
            message = f"LiveKit answered {error.status} {error.code}."
            if error.status >= 500 or error.status in _PASSING_STATUSES:
                raise LiveKitUnavailableError(message) from error
            refused = LiveKitRefusedError(message)
            refused.is_not_found = error.code == api.TwirpErrorCode.NOT_FOUND
            raise refused from error
        except (aiohttp.ClientError, OSError) as error:
            raise LiveKitUnavailableError("LiveKit cannot be reached.") from error
        except (DecodeError, AttributeError) as error:
            # livekit-api raises AttributeError for an error body that is JSON but no object.
            message = "What answers at LiveKit's address is not LiveKit."
            raise LiveKitRefusedError(message) from error


async def _retry_if_dropped(
    method: Callable[[Request], Awaitable[Answer]], request: Request
) -> Answer:
    """Call again when a restarted LiveKit has dropped a kept connection: all our calls may be
    repeated."""
    try:
        return await method(request)
    except (aiohttp.ServerDisconnectedError, ConnectionResetError):
        return await method(request)


@asynccontextmanager
async def connected(settings: Settings) -> AsyncIterator[LiveKit]:
    """Open a client of the LiveKit in the settings; it is closed with the block."""
    livekit = LiveKit(
        settings.livekit_api_url,
        settings.livekit_api_key,
        settings.livekit_api_secret.get_secret_value(),
        tls_verify=settings.livekit_tls_verify,
    )
    try:
        yield livekit
    finally:
        await livekit.aclose()
