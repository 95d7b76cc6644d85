"""Rooms at LiveKit: how long they live, and when they are made again."""

from datetime import datetime, timedelta

import pytest

from actions.clock.sweep import advance_due
from actions.rooms.reconciler import reconcile_rooms
from actions.rooms.room import delete_room, make_room
from actions.sessions.session_cancel import cancel_session
from actions.sessions.session_reschedule import reschedule_session
from domain.access import UserRole, Viewer
from domain.errors import LiveKitUnavailableError
from domain.meeting import RoomSpec
from domain.session import WorkKind
from gateways.livekit import LiveKit, Room
from models import DueWork, MeetingAttendanceEvent, Session
from tests.support import make
from tests.support.livekit_stub import LiveKitStub, twirp_error
from tests.support.ticking import stream

pytestmark = pytest.mark.usefixtures("database")

ELEVEN = make.ELEVEN


def at(minutes: float) -> datetime:
    return ELEVEN + timedelta(minutes=minutes)


async def ready_session(minutes: int = 60) -> Session:
    academy = await make.academy(empty_timeout_seconds=300)
    teacher, student = await make.teacher(academy), await make.student(academy)
    session = await make.session(academy, teacher, student=student, minutes=minutes)
    await advance_due(at(-10))
    return await fresh(session)


async def fresh(session: Session) -> Session:
    return await Session.get(id=session.id)


async def admin_of(session: Session) -> Viewer:
    user = await make.user(await session.academy, UserRole.ACADEMY_ADMIN)
    return make.viewer(user)


@pytest.mark.parametrize(("made_at", "seconds"), [(-10, 100 * 60), (0, 90 * 60), (64, 26 * 60)])
async def test_a_room_outlives_its_session_by_half_an_hour_even_if_nobody_is_there(
    livekit: LiveKit, stub: LiveKitStub, made_at: int, seconds: int
) -> None:
    session = await ready_session()
    await make_room(livekit, session.id, at(made_at))
    room = stub.rooms[str(session.room_name)]
    assert (room.empty_timeout, room.departure_timeout) == (seconds, seconds)
    assert room.max_participants == 50


async def test_the_academys_own_longer_timeout_stands(livekit: LiveKit, stub: LiveKitStub) -> None:
    academy = await make.academy(empty_timeout_seconds=86_400)
    teacher, student = await make.teacher(academy), await make.student(academy)
    session = await make.session(academy, teacher, student=student)
    await advance_due(at(-10))
    await make_room(livekit, session.id, at(-10))
    assert stub.rooms[str((await fresh(session)).room_name)].empty_timeout == 86_400


async def test_no_room_is_made_for_a_session_that_is_not_live(
    livekit: LiveKit, stub: LiveKitStub
) -> None:
    session = await ready_session()
    await cancel_session(await admin_of(session), session.id, None, at(-5))
    await make_room(livekit, session.id, at(-4))
    assert stub.rooms == {}


async def test_a_room_that_was_made_while_the_session_ended_is_deleted_again(
    livekit: LiveKit, stub: LiveKitStub
) -> None:
    """LiveKit takes its time to answer, and meanwhile somebody cancels."""
    session = await ready_session()
    admin = await admin_of(session)
    answer = livekit.ensure_room

    class Slow(LiveKit):
        def __init__(self) -> None:
            pass

        async def ensure_room(self, spec: RoomSpec, *, timeout_s: float = 5.0) -> Room:
            room = await answer(spec, timeout_s=timeout_s)
            await cancel_session(admin, session.id, None, at(-5))
            await DueWork.filter(kind=WorkKind.DELETE_ROOM).delete()  # done too early
            return room

    await make_room(Slow(), session.id, at(-5))
    assert await DueWork.filter(kind=WorkKind.DELETE_ROOM, subject=session.id).exists()
    assert (await fresh(session)).room_ready_at is None
    await delete_room(livekit, session.id, at(-5))
    assert stub.rooms == {}


async def test_a_room_that_is_gone_already_is_deleted(livekit: LiveKit, stub: LiveKitStub) -> None:
    session = await ready_session()
    await cancel_session(await admin_of(session), session.id, None, at(-5))
    await delete_room(livekit, session.id, at(-5))
    assert stub.calls == ["DeleteRoom"]


async def test_the_room_of_a_live_session_is_not_deleted(
    livekit: LiveKit, stub: LiveKitStub
) -> None:
    """Rescheduled within the preparation, a session is live before its old room is deleted."""
    session = await ready_session()
    await make_room(livekit, session.id, at(-9))
    await reschedule_session(await admin_of(session), session.id, at(1), None, at(-8))
    await delete_room(livekit, session.id, at(-8))
    assert list(stub.rooms) == [session.room_name]
    await make_room(livekit, session.id, at(-7))
    assert (await fresh(session)).room_first_ready_at == at(-7)


async def test_each_good_look_is_stamped(livekit: LiveKit) -> None:
    session = await ready_session()
    await make_room(livekit, session.id, at(-9))
    before = await fresh(session)
    assert before.room_seen_at is None
    for minute in (-8, -7):
        assert await reconcile_rooms(livekit, at(minute)) == 0
        row = await fresh(session)
        assert (row.room_seen_at, row.version) == (at(minute), before.version)


async def test_a_missing_room_is_made_again_and_tells_of_the_last_sign_of_life(
    livekit: LiveKit, stub: LiveKitStub
) -> None:
    session = await ready_session()
    await make_room(livekit, session.id, at(-9))
    await reconcile_rooms(livekit, at(-8))
    first = (await fresh(session)).room_sid
    stub.rooms.clear()
    assert await reconcile_rooms(livekit, at(-7)) == 1
    row = await fresh(session)
    assert list(stub.rooms) == [row.room_name]
    assert row.room_sid not in (None, first)
    lines = await MeetingAttendanceEvent.filter(session_id=session.id).order_by("id")
    assert [line.room_sid for line in lines] == [first, row.room_sid]
    assert lines[1].alive_ms == int(at(-8).timestamp() * 1000)
    assert await reconcile_rooms(livekit, at(-6)) == 0


async def test_a_room_that_came_back_by_itself_under_another_sid_is_noted(
    livekit: LiveKit, stub: LiveKitStub
) -> None:
    session = await ready_session()
    await make_room(livekit, session.id, at(-9))
    room = stub.rooms[str(session.room_name)]
    room.sid, room.creation_time_ms = "RM_other", room.creation_time_ms + 5_000
    assert await reconcile_rooms(livekit, at(-8)) == 0
    row = await fresh(session)
    assert (row.room_sid, row.room_seen_at) == ("RM_other", at(-8))


@pytest.mark.parametrize("silence", ["down", "failing", "slow"])
async def test_nothing_is_concluded_while_livekit_is_silent(
    livekit: LiveKit, stub: LiveKitStub, silence: str
) -> None:
    session = await ready_session()
    await make_room(livekit, session.id, at(-9))
    await reconcile_rooms(livekit, at(-8))
    before = await fresh(session)
    stub.rooms.clear()
    stub.calls.clear()
    if silence == "down":
        await stub.go_down()
    elif silence == "failing":
        stub.failing = twirp_error("internal", "no", 500)
    else:
        stub.drop_next = 2
    with pytest.raises(LiveKitUnavailableError):
        await reconcile_rooms(livekit, at(-7))
    row = await fresh(session)
    assert (row.room_seen_at, row.room_sid) == (before.room_seen_at, before.room_sid)
    assert "CreateRoom" not in stub.calls
    assert len(await stream(session.id)) == before.version


async def test_a_look_makes_the_other_rooms_although_one_cannot_be_made(
    livekit: LiveKit, stub: LiveKitStub
) -> None:
    broken, other = await ready_session(), await ready_session()
    await Session.filter(id=broken.id).update(meeting_options={"videoQuality": "NONSENSE"})
    assert await reconcile_rooms(livekit, at(-9)) == 2
    assert list(stub.rooms) == [other.room_name]


async def test_a_look_leaves_sessions_alone_that_need_no_room(
    livekit: LiveKit, stub: LiveKitStub
) -> None:
    over = await ready_session()
    await cancel_session(await admin_of(over), over.id, None, at(-9))
    academy = await make.academy()
    teacher, student = await make.teacher(academy), await make.student(academy)
    late = await make.session(academy, teacher, student=student)
    await advance_due(at(62))  # found after its end: ongoing for three more minutes
    assert (await fresh(late)).room_name
    assert await reconcile_rooms(livekit, at(62)) == 0
    assert stub.rooms == {}


async def test_a_room_that_breaks_in_overtime_is_made_again(
    livekit: LiveKit, stub: LiveKitStub
) -> None:
    session = await ready_session()
    await make_room(livekit, session.id, at(-9))
    await advance_due(at(62))
    stub.rooms.clear()
    assert await reconcile_rooms(livekit, at(62)) == 1
    assert list(stub.rooms) == [session.room_name]
