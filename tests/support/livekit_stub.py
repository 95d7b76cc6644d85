"""LiveKit's room service in this process: Twirp over HTTP and protobuf, as the real one."""

import asyncio
import time
from types import TracebackType
from typing import Self

import jwt
from aiohttp import web
from google.protobuf.message import Message
from livekit import api
from livekit.protocol import models
from livekit.protocol import room as rooms_pb

from tests.support.webhooks import KEY, SECRET

_NEEDS = {
    "CreateRoom": "roomCreate",
    "DeleteRoom": "roomCreate",
    "ListRooms": "roomList",
    "ListParticipants": "roomAdmin",
    "RemoveParticipant": "roomAdmin",
}


class LiveKitStub:
    """`async with LiveKitStub() as stub:`, then `stub.url`.

    At any time: `slow_s` seconds pass before each answer, `failing` is answered instead, and the
    next `drop_next` connections are cut; `go_down()` refuses connections until `come_up()`. Clear
    `rooms` to forget them. `silent` is answered instead of the people of a room. A call of a
    method in `holding` is carried out, and answered once the method is no longer in it."""

    def __init__(self, key: str = KEY, secret: str = SECRET) -> None:
        self._verifier = api.TokenVerifier(key, secret)
        self._runner: web.AppRunner | None = None
        self._port = 0
        self._made = 0
        self.rooms: dict[str, models.Room] = {}
        self.people: dict[str, dict[str, models.ParticipantInfo]] = {}
        self.calls: list[str] = []
        self.slow_s = 0.0
        self.failing: web.Response | None = None
        self.drop_next = 0
        self.holding: set[str] = set()
        self.silent: dict[str, web.Response] = {}
        self.most_at_once = 0
        self._asking = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    async def __aenter__(self) -> Self:
        await self.come_up()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: object, trace: TracebackType | None
    ) -> None:
        await self.go_down()

    async def come_up(self) -> None:
        app = web.Application()
        app.router.add_post("/twirp/livekit.RoomService/{method}", self._answer)
        # A call that hangs must not hold the test at the end.
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()
        self._port = self._runner.addresses[0][1]

    async def go_down(self) -> None:
        """Refuse connections; rooms are still there afterwards."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def enter(self, room: str, identity: str) -> models.ParticipantInfo:
        """Put somebody into a room, as if they had joined."""
        self._made += 1
        person = models.ParticipantInfo(
            sid=f"PA_{self._made}",
            identity=identity,
            state=models.ParticipantInfo.State.ACTIVE,
            joined_at_ms=int(time.time() * 1000),
        )
        self.people.setdefault(room, {})[identity] = person
        return person

    async def _answer(self, request: web.Request) -> web.Response:
        method = request.match_info["method"]
        self.calls.append(method)
        self._asking += 1
        self.most_at_once = max(self.most_at_once, self._asking)
        await asyncio.sleep(self.slow_s)
        self._asking -= 1
        if self.drop_next and request.transport is not None:
            self.drop_next -= 1
            request.transport.abort()
        if self.failing is not None:
            return _copy(self.failing)
        if method not in _NEEDS:
            return twirp_error("bad_route", f"no handler for {method}", 404)
        refusal = self._check(request.headers.get("Authorization", ""), _NEEDS[method])
        if refusal is not None:
            return refusal
        answer = self._dispatch(method, await request.read())
        while method in self.holding:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        return answer

    def _check(self, header: str, grant: str) -> web.Response | None:
        if not header.startswith("Bearer "):
            return web.Response(status=401, text="invalid authorization header")
        token = header.removeprefix("Bearer ")
        try:
            self._verifier.verify(token)
        except jwt.PyJWTError:
            return web.Response(status=401, text=f"invalid token: {token}")
        claims = jwt.decode(token, options={"verify_signature": False})
        if not claims.get("video", {}).get(grant):
            return twirp_error("unauthenticated", "permissions denied", 401)
        return None

    def _dispatch(self, method: str, body: bytes) -> web.Response:
        match method:
            case "CreateRoom":
                return _protobuf(self._create(rooms_pb.CreateRoomRequest.FromString(body)))
            case "ListRooms":
                return _protobuf(self._list(rooms_pb.ListRoomsRequest.FromString(body)))
            case "DeleteRoom":
                return self._delete(rooms_pb.DeleteRoomRequest.FromString(body))
            case "ListParticipants":
                return self._people(rooms_pb.ListParticipantsRequest.FromString(body))
            case _:
                return self._remove(rooms_pb.RoomParticipantIdentity.FromString(body))

    def _create(self, request: rooms_pb.CreateRoomRequest) -> models.Room:
        if request.name not in self.rooms:
            self._made += 1
            now_ms = int(time.time() * 1000)
            self.rooms[request.name] = models.Room(
                sid=f"RM_{self._made}",
                name=request.name,
                empty_timeout=request.empty_timeout,
                departure_timeout=request.departure_timeout,
                max_participants=request.max_participants,
                metadata=request.metadata,
                creation_time=now_ms // 1000,
                creation_time_ms=now_ms,
            )
        return self.rooms[request.name]

    def _list(self, request: rooms_pb.ListRoomsRequest) -> rooms_pb.ListRoomsResponse:
        wanted = [r for n, r in self.rooms.items() if not request.names or n in request.names]
        return rooms_pb.ListRoomsResponse(rooms=wanted)

    def _delete(self, request: rooms_pb.DeleteRoomRequest) -> web.Response:
        if self.rooms.pop(request.room, None) is None:
            return twirp_error("not_found", "requested room does not exist", 404)
        self.people.pop(request.room, None)
        return _protobuf(rooms_pb.DeleteRoomResponse())

    def _people(self, request: rooms_pb.ListParticipantsRequest) -> web.Response:
        if request.room in self.silent:
            return _copy(self.silent[request.room])
        if request.room not in self.rooms:
            return twirp_error("unavailable", "no response from servers", 503)
        inside = self.people.get(request.room, {}).values()
        return _protobuf(rooms_pb.ListParticipantsResponse(participants=inside))

    def _remove(self, request: rooms_pb.RoomParticipantIdentity) -> web.Response:
        if self.people.get(request.room, {}).pop(request.identity, None) is None:
            return twirp_error("not_found", "participant does not exist", 404)
        return _protobuf(rooms_pb.RemoveParticipantResponse())


def twirp_error(code: str, message: str, status: int) -> web.Response:
    return web.json_response({"code": code, "msg": message}, status=status)


def _protobuf(message: Message) -> web.Response:
    return web.Response(body=message.SerializeToString(), content_type="application/protobuf")


def _copy(response: web.Response) -> web.Response:
    # A response object can be sent once only.
    return web.Response(
        body=response.body, status=response.status, content_type=response.content_type
    )
