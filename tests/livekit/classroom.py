"""One session and its room: its people, LiveKit's and our API's answers, and its end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tests.livekit.door import Door, Person
from tests.livekit.place import Place
from tests.livekit.watcher import PRESENCE, Watcher, watching
from tests.support.livekit_people import Elsewhere, Guest
from tests.support.patience import see, until

FINAL_WITHIN_S = 40.0
SOON_S = 15.0

TOKEN = """
mutation($input: CreateMeetingTokenInput!) {
  createMeetingToken(input: $input) {
    token { accessToken serverUrl roomName roomEnsured participantIdentity }
    errors { code }
  }
}
"""
STATUS = """
mutation($id: ID!) { changeSessionStatus(sessionId: $id, to: COMPLETED) { errors { code } } }
"""
UPDATE = """
mutation($id: ID!, $input: UpdateSessionInput!) {
  updateSession(sessionId: $id, input: $input) { errors { code message } }
}
"""
SESSION = """
query($id: ID!) {
  session(id: $id) {
    status startedAt endsAt endedAt presentCount participantCount
    history(first: 100) { nodes { __typename ... on StatusChanged { to cause } } }
  }
}
"""
ROSTER = (
    """
query($session: ID!) {
  sessionPresence(sessionId: $session) { attendances { ...Row } statistics { ...Numbers } }
}
"""
    + PRESENCE
)


@dataclass
class Classroom:
    """`people` by name, as in the school."""

    campus: Place
    people: dict[str, Person]
    scheduled: dict[str, Any]
    devices: list[Guest | Elsewhere] = field(default_factory=list)

    @property
    def id(self) -> str:
        return str(self.scheduled["id"])

    @property
    def room(self) -> str:
        return str(self.scheduled["meeting"]["roomName"])

    async def ask_token(self, name: str) -> dict[str, Any]:
        """The whole payload, refused or not."""
        person, wish = self.people[name], {"sessionId": self.id}
        payload: dict[str, Any] = await self.campus.door.ask(TOKEN, person, input=wish)
        return payload

    async def token(self, name: str) -> dict[str, Any]:
        payload = await self.ask_token(name)
        assert payload["errors"] == []
        token: dict[str, Any] = payload["token"]
        return token

    async def refusals(self, name: str) -> list[str]:
        payload = await self.ask_token(name)
        assert (payload["token"] is None) == bool(payload["errors"])
        return [error["code"] for error in payload["errors"]]

    async def enter(self, name: str, token: dict[str, Any] | None = None) -> Guest:
        token = token or await self.token(name)
        guest = await Guest.join(token["serverUrl"], token["accessToken"])
        self.devices.append(guest)
        return guest

    async def enter_elsewhere(self, name: str) -> Elsewhere:
        """Join from another process."""
        token = await self.token(name)
        device = await Elsewhere.join(token["serverUrl"], token["accessToken"])
        self.devices.append(device)
        return device

    async def empty(self) -> None:
        await asyncio.gather(*(device.leave() for device in self.devices))

    @asynccontextmanager
    async def watched(self, door: Door | None = None) -> AsyncIterator[Watcher]:
        """The teacher's dashboard."""
        campus, teacher = self.campus, self.people["teacher"]
        address = (door or campus.door).url
        watcher = Watcher(address, teacher, self.id, campus.deliveries)
        async with watching(watcher):
            yield watcher

    async def state(self) -> dict[str, Any]:
        state: dict[str, Any] = await self.campus.door.ask(
            SESSION, self.people["admin"], id=self.id
        )
        return state

    async def becomes(self, status: str, within_s: float = SOON_S) -> dict[str, Any]:
        async def is_so() -> dict[str, Any] | None:
            state = await self.state()
            return state if see(state["status"]) == status else None

        return await until(is_so, f"the session is {status}", within_s=within_s) or {}

    async def end(self) -> None:
        await self.campus.door.do(STATUS, self.people["admin"], id=self.id)

    async def substitute(self, teacher: Person) -> None:
        change = {"teacherId": teacher.id}
        await self.campus.door.do(UPDATE, self.people["admin"], id=self.id, input=change)

    async def roster(self) -> dict[str, Any]:
        roster: dict[str, Any] = await self.campus.door.ask(
            ROSTER, self.people["teacher"], session=self.id
        )
        return roster

    async def final(self) -> dict[str, dict[str, Any]]:
        """Rows by name, once they are final."""

        async def is_final() -> dict[str, Any] | None:
            roster = await self.roster()
            is_final = see([row["isFinal"] for row in roster["attendances"]])
            return roster if all(is_final) else None

        roster = await until(is_final, "the final result", within_s=FINAL_WITHIN_S) or {}
        return self.by_name(roster["attendances"])

    def by_name(self, rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
        names = {person.number: person.name for person in self.people.values()}
        return {names[row["user"]["databaseId"]]: row for row in rows}

    async def room_is_there(self) -> dict[str, Any]:
        find = self.campus.rooms.find
        return await until(lambda: find(self.room), "the room is there", within_s=SOON_S) or {}

    async def room_is_gone(self) -> None:
        async def is_gone() -> bool:
            return see(await self.campus.rooms.find(self.room)) is None

        await until(is_gone, "the room is gone", within_s=SOON_S)

    async def delivered(self, event: str, name: str, times: int = 1) -> None:
        """Wait until LiveKit delivered this event of a person and we answered that it is stored."""
        number = self.people[name].number

        async def is_here() -> bool:
            told = self.campus.deliveries.of(self.room, event)
            return see(sum(each.number == number for each in told)) >= times

        await until(is_here, f"{event} of {name} is delivered", within_s=SOON_S)


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
