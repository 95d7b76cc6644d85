"""LiveKit's own API, called directly: its rooms and participants."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import jwt

from tests.support.livekit_server import LiveKitServer


class Rooms:
    """Calls with the server's own key, unless a token is given."""

    def __init__(self, server: LiveKitServer, client: httpx.AsyncClient) -> None:
        self._server, self._client = server, client

    async def all(self) -> dict[str, dict[str, Any]]:
        """Rooms by name."""
        answer = await self.ask("ListRooms", self._key())
        answer.raise_for_status()
        return {room["name"]: room for room in answer.json().get("rooms", [])}

    async def find(self, name: str) -> dict[str, Any] | None:
        return (await self.all()).get(name)

    async def inside(self, name: str) -> dict[int, dict[str, Any]]:
        """The active participants of a room by their number."""
        answer = await self.ask("ListParticipants", self._key(name), room=name)
        people = answer.json().get("participants", []) if answer.is_success else []
        active = [person for person in people if person["state"] == "ACTIVE"]
        return {int(person["identity"].partition("_")[0]): person for person in active}

    async def delete(self, name: str) -> None:
        (await self.ask("DeleteRoom", self._key(name), room=name)).raise_for_status()

    async def ask(self, method: str, token: str, **body: Any) -> httpx.Response:
        """One call of RoomService with any token."""
        address = f"{self._server.api_url}/twirp/livekit.RoomService/{method}"
        headers = {"Authorization": f"Bearer {token}"}
        return await self._client.post(address, json=body, headers=headers)

    def _key(self, room: str = "") -> str:
        grants = {"roomList": True, "roomCreate": True, "roomAdmin": True, "room": room}
        until = datetime.now(UTC) + timedelta(minutes=5)
        claims = {"iss": self._server.key, "exp": int(until.timestamp()), "video": grants}
        return jwt.encode(claims, self._server.secret, algorithm="HS256")
