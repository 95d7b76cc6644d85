"""The gateway against a room service that speaks the real wire format."""

import asyncio
import time

import pytest
from aiohttp import web
from livekit.protocol import models

from domain.errors import ErrorCode, LiveKitUnavailableError
from domain.meeting import RoomSpec
from gateways.livekit import LiveKit, LiveKitRefusedError, Participant
from gateways.livekit_tokens import Grant
from tests.support.livekit_stub import LiveKitStub, twirp_error
from tests.support.ticking import reaching
from tests.support.webhooks import KEY, SECRET

SPEC = RoomSpec(
    name="itqan-academy-quran-session-121",
    empty_timeout_s=5100,
    departure_timeout_s=5100,
    max_participants=12,
    metadata='{"sessionId":121}',
)


async def test_a_room_is_made_as_it_was_asked_for(livekit: LiveKit, stub: LiveKitStub) -> None:
    room = await livekit.ensure_room(SPEC)
    made = stub.rooms[SPEC.name]
    assert (room.name, room.sid, room.created_ms) == (SPEC.name, made.sid, made.creation_time_ms)
    assert (made.empty_timeout, made.departure_timeout) == (5100, 5100)
    assert (made.max_participants, made.metadata) == (12, '{"sessionId":121}')


async def test_a_room_that_is_there_stays_the_same(livekit: LiveKit) -> None:
    rooms = await asyncio.gather(*(livekit.ensure_room(SPEC) for _ in range(5)))
    assert len({room.sid for room in rooms}) == 1


async def test_one_call_lists_all_rooms(livekit: LiveKit, stub: LiveKitStub) -> None:
    assert await livekit.list_rooms() == {}
    room = await livekit.ensure_room(SPEC)
    stub.calls.clear()
    assert await livekit.list_rooms() == {SPEC.name: room}
    assert stub.calls == ["ListRooms"]


async def test_participants_are_listed_with_their_state_and_kind(
    livekit: LiveKit, stub: LiveKitStub
) -> None:
    await livekit.ensure_room(SPEC)
    assert await livekit.list_participants(SPEC.name) == []
    sara = stub.enter(SPEC.name, "1_Sara_Ali")
    sara.name, sara.is_publisher, sara.joined_at_ms = "Sara Ali", True, 1_772_000_000_123
    sara.attributes["grant"] = "can_subscribe room_admin of_a_later_version"
    coming = stub.enter(SPEC.name, "6_Omar_Ali")
    coming.state, coming.joined_at_ms = models.ParticipantInfo.State.JOINING, 0
    coming.joined_at = 1_772_000_001
    recorder = stub.enter(SPEC.name, "EG_1")
    recorder.kind = models.ParticipantInfo.Kind.EGRESS
    found = {one.identity: one for one in await livekit.list_participants(SPEC.name)}
    assert found["1_Sara_Ali"] == Participant(
        identity="1_Sara_Ali",
        sid=sara.sid,
        name="Sara Ali",
        joined_ms=1_772_000_000_123,
        state="ACTIVE",
        kind="STANDARD",
        is_publisher=True,
        grant=Grant(can_subscribe=True, room_admin=True),
    )
    assert (found["6_Omar_Ali"].state, found["6_Omar_Ali"].is_inside) == ("JOINING", False)
    assert found["6_Omar_Ali"].joined_ms == 1_772_000_001_000
    assert found["6_Omar_Ali"].grant == Grant()
    assert (found["EG_1"].kind, found["EG_1"].is_person) == ("EGRESS", False)


async def test_listing_the_participants_of_a_missing_room_is_an_error_and_not_empty(
    livekit: LiveKit,
) -> None:
    with pytest.raises(LiveKitUnavailableError):
        await livekit.list_participants(SPEC.name)


async def test_a_room_is_deleted_and_then_gone_is_success(
    livekit: LiveKit, stub: LiveKitStub
) -> None:
    await livekit.ensure_room(SPEC)
    await livekit.delete_room(SPEC.name)
    assert stub.rooms == {}
    await livekit.delete_room(SPEC.name)


async def test_a_room_made_again_has_another_sid(livekit: LiveKit, stub: LiveKitStub) -> None:
    first = await livekit.ensure_room(SPEC)
    stub.rooms.clear()
    second = await livekit.ensure_room(SPEC)
    assert second.sid != first.sid


async def test_an_older_server_tells_seconds_only(livekit: LiveKit, stub: LiveKitStub) -> None:
    await livekit.ensure_room(SPEC)
    made = stub.rooms[SPEC.name]
    made.ClearField("creation_time_ms")
    assert (await livekit.ensure_room(SPEC)).created_ms == made.creation_time * 1000


async def test_a_silent_livekit_is_given_up_in_time(livekit: LiveKit, stub: LiveKitStub) -> None:
    stub.slow_s = 30
    started_at = time.monotonic()
    with pytest.raises(LiveKitUnavailableError) as failure:
        await livekit.ensure_room(SPEC, timeout_s=0.2)
    assert time.monotonic() - started_at < stub.slow_s / 2
    assert failure.value.code is ErrorCode.LIVEKIT_UNAVAILABLE
    assert not isinstance(failure.value, LiveKitRefusedError)


async def test_every_call_is_bounded(livekit: LiveKit, stub: LiveKitStub) -> None:
    stub.slow_s = 30
    started_at = time.monotonic()
    failures = await asyncio.gather(
        livekit.ensure_room(SPEC, timeout_s=0.2),
        livekit.delete_room(SPEC.name, timeout_s=0.2),
        livekit.list_rooms(timeout_s=0.2),
        livekit.ping(timeout_s=0.2),
        return_exceptions=True,
    )
    assert [type(failure) for failure in failures] == [LiveKitUnavailableError] * 4
    assert time.monotonic() - started_at < stub.slow_s / 2


async def test_the_callers_own_cancellation_is_not_taken_for_silence(
    livekit: LiveKit, stub: LiveKitStub
) -> None:
    stub.slow_s = 30
    call = asyncio.create_task(livekit.ensure_room(SPEC))
    await asyncio.sleep(0.05)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call


async def test_a_livekit_that_is_down_is_unavailable_and_found_again(
    livekit: LiveKit, stub: LiveKitStub
) -> None:
    await livekit.ensure_room(SPEC)
    await stub.go_down()
    with pytest.raises(LiveKitUnavailableError):
        await livekit.list_rooms()
    await stub.come_up()
    assert SPEC.name in await livekit.list_rooms()


async def test_a_restarted_livekit_is_asked_again_at_once(
    livekit: LiveKit, stub: LiveKitStub
) -> None:
    await asyncio.gather(*(livekit.list_rooms() for _ in range(5)))  # the connections are kept open
    stub.drop_next = 1
    await livekit.ensure_room(SPEC)
    stub.drop_next = 2
    with pytest.raises(LiveKitUnavailableError):
        await livekit.ensure_room(SPEC)


@pytest.mark.parametrize(
    "answer",
    [
        twirp_error("unavailable", "no response from servers", 503),
        twirp_error("deadline_exceeded", "request timed out", 408),
        twirp_error("internal", "", 500),
        web.Response(status=502, text="<html>Bad Gateway</html>"),
        web.Response(status=429, text=""),
    ],
)
async def test_errors_that_may_pass_are_unavailable_and_not_refused(
    livekit: LiveKit, stub: LiveKitStub, answer: web.Response
) -> None:
    stub.failing = answer
    with pytest.raises(LiveKitUnavailableError) as failure:
        await livekit.ensure_room(SPEC)
    assert not isinstance(failure.value, LiveKitRefusedError)


@pytest.mark.parametrize(
    "answer",
    [
        twirp_error("invalid_argument", "room name exceeds max length", 400),
        twirp_error("bad_route", "", 404),
        web.Response(status=404, text="nothing here"),
        web.Response(status=400, text="[]", content_type="application/json"),
        web.Response(status=200, text="<html>Welcome</html>"),
        web.Response(status=200, text=""),
    ],
)
async def test_errors_that_will_not_pass_are_refused(
    livekit: LiveKit, stub: LiveKitStub, answer: web.Response
) -> None:
    stub.failing = answer
    with pytest.raises(LiveKitRefusedError) as failure:
        await livekit.ensure_room(SPEC)
    assert failure.value.code is ErrorCode.LIVEKIT_UNAVAILABLE


async def test_a_wrong_path_is_not_taken_for_a_room_that_is_gone(
    livekit: LiveKit, stub: LiveKitStub
) -> None:
    stub.failing = web.Response(status=404, text="nothing here")
    with pytest.raises(LiveKitRefusedError):
        await livekit.delete_room(SPEC.name)


@pytest.mark.parametrize(("key", "secret"), [("stranger", SECRET), (KEY, SECRET[::-1])])
async def test_a_wrong_key_is_refused_without_telling_the_token(
    stub: LiveKitStub, key: str, secret: str
) -> None:
    async with reaching(stub.url, key=key, secret=secret) as livekit:
        with pytest.raises(LiveKitRefusedError) as failure:
            await livekit.ping()
    assert failure.value.message == "LiveKit answered 401 unknown."


async def test_ping_makes_nothing(livekit: LiveKit, stub: LiveKitStub) -> None:
    await livekit.ping()
    assert stub.rooms == {}


async def test_a_websocket_address_is_understood(stub: LiveKitStub) -> None:
    async with reaching(stub.url.replace("http", "ws")) as livekit:
        await livekit.ping()
