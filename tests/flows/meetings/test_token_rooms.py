"""The room behind a token is there before it or, where LiveKit does not answer, soon after."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from aiohttp import web

import clock
from actions.clock.sweep import advance_due
from actions.sessions.session_cancel import cancel_session
from domain.session import MembershipSource, WorkKind
from models import DueWork, Membership, Session, SessionEvent
from tests.conftest import Database
from tests.support import make
from tests.support.asking import Asker, asking, code, payload
from tests.support.livekit_stub import LiveKitStub
from tests.support.patience import see, until
from tests.support.queued_work import work_left
from tests.support.scene import Scene, scene
from tests.support.ticking import ticking
from tests.support.tokens import TOKEN, token, verified


@pytest.fixture
async def asker(stub: LiveKitStub) -> AsyncIterator[Asker]:
    async with asking(livekit_api_url=stub.url) as asker:
        yield asker


@pytest.fixture
async def there(database: Database) -> Scene:
    return await scene(clock.now().replace(microsecond=0))


async def test_the_room_is_there_before_the_token_is(
    asker: Asker, there: Scene, stub: LiveKitStub
) -> None:
    found = await token(asker, there, "student")
    assert found["roomEnsured"] is True
    assert found["roomName"] in stub.rooms
    assert found["roomName"] == f"{there['academy'].slug}-quran-session-{there['mine'].id}"
    assert found["serverUrl"] == "ws://127.0.0.1:7880"
    session = await Session.get(id=there["mine"].id)
    assert session.room_ready_at == there.now
    assert session.room_first_ready_at == there.now


@pytest.mark.parametrize("trouble", ["down", "slow", "failing"])
async def test_a_token_is_issued_within_a_second_while_livekit_does_not_answer(
    asker: Asker, there: Scene, stub: LiveKitStub, trouble: str
) -> None:
    await DueWork.all().delete()
    await cause(stub, trouble)
    started = time.monotonic()
    found = await token(asker, there, "student")
    assert time.monotonic() - started < 15  # LiveKit has one second of its thirty
    assert found["roomEnsured"] is False
    assert verified(found).video.room == found["roomName"]
    assert await work() == {WorkKind.MAKE_ROOM}
    session = await Session.get(id=there["mine"].id)
    assert session.room_ready_at is None
    assert session.room_error
    assert await last_error(asker, there, "teacher") == session.room_error
    assert await last_error(asker, there, "student") is None


async def cause(stub: LiveKitStub, trouble: str) -> None:
    if trouble == "down":
        await stub.go_down()
    elif trouble == "slow":
        stub.slow_s = 30
    else:
        stub.failing = web.Response(status=500, text="out of order")


async def last_error(asker: Asker, there: Scene, who: str) -> str | None:
    query = "query ($id: ID!) { session(id: $id) { meeting { lastError } } }"
    answer = payload(await asker.ask(query, there[who], now=there.now, id=there.id("mine")))
    error: str | None = answer["meeting"]["lastError"]
    return error


async def test_the_room_follows_when_livekit_is_back(
    asker: Asker, there: Scene, stub: LiveKitStub
) -> None:
    await stub.go_down()
    found = await token(asker, there, "student")
    assert found["roomEnsured"] is False
    async with ticking(asker.process.venue.livekit):
        await stub.come_up()
        await until(lambda: found["roomName"] in stub.rooms)
        await until(_has_no_room_to_make)
    session = await Session.get(id=there["mine"].id)
    assert session.room_error is None
    assert session.room_ready_at is not None


async def _has_no_room_to_make() -> bool:
    return not see(await work_left(kind=WorkKind.MAKE_ROOM))


async def test_twenty_who_ask_at_once_get_one_meeting_and_one_room(
    asker: Asker, there: Scene, stub: LiveKitStub
) -> None:
    """An earlier version made a meeting and a room for each of many requests, and joins met 404."""
    people = [await make.student(there["academy"]) for _ in range(20)]
    for person in people:
        await Membership.create(
            group_id=there["circle"].id, user_id=person.id, via=MembershipSource.ENROLMENT
        )
    at = there.now + timedelta(hours=1)
    there.rows["class"] = await make.session(
        there["academy"], there["teacher"], group=there["circle"], at=at, now=there.now
    )
    # No clock runs, so the session has not moved, and all ask in its first second.
    answers = await asyncio.gather(
        *(asker.ask(TOKEN, person, now=at, id=there.id("class")) for person in people)
    )
    names = {payload(answer)["token"]["roomName"] for answer in answers}
    assert names == {f"{there['academy'].slug}-quran-session-{there['class'].id}"}
    events = await SessionEvent.filter(session_id=there["class"].id).order_by("sequence")
    kinds = [event.kind.value for event in events]
    assert kinds.count("MEETING_CREATED") == 1
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    assert set(stub.rooms) == names


async def test_a_live_session_that_has_no_meeting_gets_one_with_the_first_token(
    asker: Asker, there: Scene, stub: LiveKitStub
) -> None:
    await Session.filter(id=there["mine"].id).update(meeting_id=None, room_name=None)
    people = ("student", "classmate", "teacher", "parent", "admin")
    found = await asyncio.gather(*(token(asker, there, who) for who in people))
    session = await Session.get(id=there["mine"].id)
    assert {one["roomName"] for one in found} == {session.room_name} == set(stub.rooms)
    assert str(session.meeting_source) == "token"


async def test_the_clock_and_the_door_agree_on_the_meeting(
    asker: Asker, there: Scene, stub: LiveKitStub
) -> None:
    before = await Session.get(id=there["mine"].id)
    await advance_due(there.now)
    await token(asker, there, "student")
    after = await Session.get(id=there["mine"].id)
    assert (before.meeting_id, before.room_name) == (after.meeting_id, after.room_name)


async def test_a_session_cancelled_while_livekit_was_asked_gives_no_token(
    asker: Asker, there: Scene, stub: LiveKitStub
) -> None:
    stub.slow_s = 0.3
    asked = asyncio.create_task(
        asker.ask(TOKEN, there["student"], now=there.now, id=there.id("mine"))
    )
    await until(lambda: "CreateRoom" in stub.calls)
    await cancel_session(make.viewer(there["admin"]), there["mine"].id, "rain", there.now)
    assert code(await asked) == "SESSION_OVER"
    assert await work() == {WorkKind.DELETE_ROOM, WorkKind.MAKE_ROOM}


async def work() -> set[WorkKind]:
    return {row.kind for row in await DueWork.all()}
