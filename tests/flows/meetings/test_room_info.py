"""The content of a room as clients read it: from LiveKit, asked once for all, or from our rows."""

import asyncio
from typing import Any

import pytest
from livekit.protocol import models as livekit_models

from actions.rooms.room import make_room
from domain.rooms import participant_identity
from models import Session, User
from tests.support.asking import Asker, asking, payload
from tests.support.livekit_events import Room, Stay, send
from tests.support.livekit_stub import LiveKitStub
from tests.support.scene import Scene, scene

pytestmark = pytest.mark.usefixtures("database")

ROOM = """room { name sid isActive participantCount createdAt source
  participants { identity displayName joinedAt isPublisher user { databaseId } } }"""
QUERY = "query ($id: ID!) { session(id: $id) { meeting { " + ROOM + " } } }"
WATCH = (
    "subscription ($id: ID!) { sessionEvents(sessionId: $id) { ... on SessionSnapshot "
    "{ session { meeting { " + ROOM + " } } } } }"
)


def identity(user: User) -> str:
    return participant_identity(user.id, user.first_name, user.last_name)


async def read(asker: Asker, there: Scene, who: str = "teacher", what: str = "mine") -> Any:
    answer = await asker.ask(QUERY, there[who], now=there.now, id=there.id(what))
    return payload(answer)["meeting"]["room"]


async def opened(asker: Asker, there: Scene, stub: LiveKitStub) -> Session:
    """The room of `mine`, with a student, a student who is still joining, and a recorder."""
    session: Session = await Session.get(id=there["mine"].id)
    await make_room(asker.process.venue.livekit, session.id, there.now)
    name = str(session.room_name)
    student = stub.enter(name, identity(there["student"]))
    student.name, student.is_publisher = "Sara", True
    coming = stub.enter(name, identity(there["classmate"]))
    coming.state = livekit_models.ParticipantInfo.State.JOINING
    stub.enter(name, "EG_1").kind = livekit_models.ParticipantInfo.Kind.EGRESS
    stub.calls.clear()
    return session


async def test_room_info_comes_from_livekit(stub: LiveKitStub) -> None:
    there = await scene()
    async with asking(livekit_api_url=stub.url) as asker:
        session = await opened(asker, there, stub)
        told = await read(asker, there)
    assert (told["name"], told["isActive"], told["source"]) == (session.room_name, True, "LIVEKIT")
    assert told["sid"] == stub.rooms[str(session.room_name)].sid
    assert told["createdAt"] is not None
    (inside,) = told["participants"]
    assert told["participantCount"] == 1
    assert (inside["displayName"], inside["isPublisher"]) == ("Sara", True)
    assert inside["user"] == {"databaseId": there["student"].id}


async def test_participants_are_listed_for_managers_and_counted_for_everybody(
    stub: LiveKitStub,
) -> None:
    there = await scene()
    async with asking(livekit_api_url=stub.url) as asker:
        await opened(asker, there, stub)
        for who in ("student", "parent"):
            told = await read(asker, there, who)
            assert (told["participantCount"], told["participants"]) == (1, [])
        for who in ("super", "admin", "supervisor"):
            assert len((await read(asker, there, who))["participants"]) == 1


async def test_all_who_read_at_once_look_once(stub: LiveKitStub) -> None:
    there = await scene()
    async with asking(livekit_api_url=stub.url) as asker:
        await opened(asker, there, stub)
        stub.slow_s = 0.05
        await asyncio.gather(*(read(asker, there, who) for who in ("teacher", "admin") * 10))
        assert sorted(stub.calls) == ["ListParticipants", "ListRooms"]
        asker.process.venue.livekit.single_flight.kept_s = 0
        await asyncio.gather(read(asker, there), read(asker, there, what="others", who="admin"))
        assert sorted(stub.calls) == ["ListParticipants", "ListRooms"]  # the kept answer is used


async def test_room_info_asks_livekit_again_when_its_answer_is_too_old(stub: LiveKitStub) -> None:
    there = await scene()
    async with asking(livekit_api_url=stub.url) as asker:
        asker.process.venue.livekit.single_flight.kept_s = 0
        session = await opened(asker, there, stub)
        assert (await read(asker, there))["participantCount"] == 1
        stub.people[str(session.room_name)].clear()
        assert (await read(asker, there))["participantCount"] == 0


async def test_reading_never_makes_a_room(stub: LiveKitStub) -> None:
    there = await scene()
    async with asking(livekit_api_url=stub.url) as asker:
        told = await read(asker, there)
    assert (told["isActive"], told["sid"], told["participants"]) == (False, None, [])
    assert (told["source"], told["createdAt"]) == ("LIVEKIT", None)
    assert stub.calls == ["ListRooms"]
    assert stub.rooms == {}


async def join(there: Scene) -> None:
    session = await Session.get(id=there["mine"].id)
    room = Room(session, there.now)
    await send(room.joined(Stay(there["student"], there.now)), there.now)


async def test_room_info_comes_from_the_database_when_livekit_is_silent(stub: LiveKitStub) -> None:
    there = await scene()
    async with asking(livekit_api_url=stub.url) as asker:
        await opened(asker, there, stub)
        await stub.go_down()
        await join(there)
        told = await read(asker, there)
    assert (told["source"], told["isActive"], told["participantCount"]) == ("DATABASE", True, 1)
    assert told["participants"] == [
        {
            "identity": identity(there["student"]),
            "displayName": there["student"].display_name,
            "joinedAt": "2026-03-02T11:00:00.000Z",
            "isPublisher": False,
            "user": {"databaseId": there["student"].id},
        }
    ]


async def test_a_stream_reads_the_database_alone(stub: LiveKitStub) -> None:
    there = await scene()
    async with asking(livekit_api_url=stub.url) as asker:
        await opened(asker, there, stub)
        await join(there)
        mine = there.id("mine")
        answer = await asker.first_event(WATCH, there["teacher"], now=there.now, id=mine)
        told = payload(answer)["session"]["meeting"]["room"]
    assert (told["source"], told["participantCount"]) == ("DATABASE", 1)
    assert stub.calls == []


async def test_an_identity_names_nobody_of_another_academy(stub: LiveKitStub) -> None:
    there = await scene()
    async with asking(livekit_api_url=stub.url) as asker:
        session = await opened(asker, there, stub)
        stub.people[str(session.room_name)].clear()
        for who in (identity(there["foreign_student"]), "99999_Nobody_Known", "visitor"):
            stub.enter(str(session.room_name), who)
        told = await read(asker, there)
    assert [one["user"] for one in told["participants"]] == [None, None, None]
