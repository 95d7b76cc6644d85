"""Meetings that outlived their time are completed and their rooms closed."""

from datetime import datetime
from typing import Any

import pytest

from actions.academies.video_settings import update_video_settings
from actions.clock.sweep import advance_due
from actions.rooms.cleanup import Cleaned, clean_up
from actions.rooms.room import make_room
from actions.sessions.session_keep_open import keep_session_open
from domain.access import UserRole
from domain.session import SessionKind, WorkKind
from domain.status import SessionStatus
from models import DueWork, Session
from models.reading.session_filter import ALL_SESSIONS, SessionFilter
from tests.support import make
from tests.support.classrooms import Classroom, at, ready
from tests.support.livekit_events import send
from tests.support.livekit_stub import LiveKitStub
from tests.support.scene import dump
from tests.support.ticking import reaching, told

pytestmark = pytest.mark.usefixtures("database")


async def with_room(stub: LiveKitStub, **settings: Any) -> Classroom:
    """An ongoing session whose room is there."""
    classroom = await ready(**settings)
    async with reaching(stub.url) as livekit:
        await make_room(livekit, classroom.session.id, at(-9))
    await advance_due(at(0))
    return classroom


async def clean(
    stub: LiveKitStub, now: datetime, which: SessionFilter = ALL_SESSIONS, *, is_dry: bool = False
) -> Cleaned:
    async with reaching(stub.url) as livekit:
        return await clean_up(livekit, now, which, is_dry=is_dry)


def counts(done: Cleaned) -> tuple[int, int, int]:
    return len(done.expired), len(done.ended), len(done.failed)


async def test_a_session_that_no_clock_completed_is_completed_and_its_room_closed() -> None:
    async with LiveKitStub() as stub:
        classroom = await with_room(stub)
        assert counts(await clean(stub, at(64))) == (0, 0, 0)
        assert counts(await clean(stub, at(65))) == (1, 1, 0)
        assert stub.rooms == {}
    row = await classroom.now()
    assert (row.status, row.ended_at) == (SessionStatus.COMPLETED, at(65))
    assert (await told(row.id))[-2:] == ["COMPLETED", "MEETING_ENDED"]


async def test_a_room_whose_deletion_got_lost_is_closed() -> None:
    async with LiveKitStub() as stub:
        await with_room(stub)
        await advance_due(at(65))
        await DueWork.all().delete()
        assert counts(await clean(stub, at(66))) == (1, 1, 0)
        assert stub.rooms == {}
        assert counts(await clean(stub, at(67))) == (0, 0, 0)


async def test_a_room_that_its_academy_leaves_open_is_closed_two_hours_past_the_end() -> None:
    async with LiveKitStub() as stub:
        classroom = await with_room(stub, auto_end_meetings=False)
        await advance_due(at(65))
        await DueWork.all().delete()
        assert counts(await clean(stub, at(179))) == (0, 0, 0)
        assert len(stub.rooms) == 1
        assert counts(await clean(stub, at(180))) == (1, 1, 0)
        assert stub.rooms == {}
    assert (await classroom.now()).meeting_ended_at == at(180)


async def test_turning_auto_end_on_closes_rooms_that_were_left_open() -> None:
    classroom, other = await ready(auto_end_meetings=False), await ready(auto_end_meetings=False)
    await advance_due(at(65))
    works = {row.subject: row.due_at for row in await DueWork.filter(kind=WorkKind.DELETE_ROOM)}
    assert set(works.values()) == {at(180)}
    admin = make.viewer(await make.user(None, UserRole.SUPER_ADMIN))
    academy_id, ends = classroom.session.academy_id, {"auto_end_meetings": True}
    await update_video_settings(admin, academy_id, ends, at(70))
    works = {row.subject: row.due_at for row in await DueWork.filter(kind=WorkKind.DELETE_ROOM)}
    assert works == {classroom.session.id: at(70), other.session.id: at(180)}
    assert (await classroom.now()).meeting_ended_at == at(70)
    assert (await told(classroom.session.id))[-1] == "MEETING_ENDED"
    assert (await other.now()).meeting_ended_at is None


async def test_a_session_kept_open_is_not_cleaned_up() -> None:
    async with LiveKitStub() as stub:
        classroom = await with_room(stub)
        await keep_session_open(make.viewer(classroom.teacher), classroom.session.id, 240, at(50))
        assert counts(await clean(stub, at(200))) == (0, 0, 0)
        assert counts(await clean(stub, at(290))) == (1, 1, 0)


async def test_people_who_may_stay_on_are_not_put_out() -> None:
    async with LiveKitStub() as stub:
        classroom = await with_room(stub, max_overtime_minutes=30)
        await send(classroom.room.joined(classroom.stay(1)), at(1))
        for is_dry in (True, False):
            assert counts(await clean(stub, at(66), is_dry=is_dry)) == (1, 0, 0)
        assert len(stub.rooms) == 1
        assert (await classroom.now()).status is SessionStatus.ONGOING


async def test_a_dry_run_counts_and_does_nothing() -> None:
    async with LiveKitStub() as stub:
        classroom = await with_room(stub)
        before = await dump()
        done = await clean(stub, at(65), is_dry=True)
        assert counts(done) == (1, 1, 0)
        assert list(done.expired) == [classroom.session.id]
        assert await dump() == before
        assert len(stub.rooms) == 1
        assert (await classroom.now()).status is SessionStatus.ONGOING


async def test_an_academy_and_a_kind_can_be_chosen() -> None:
    async with LiveKitStub() as stub:
        classroom = await with_room(stub)
        other = await with_room(stub)
        academy_id = classroom.session.academy_id
        which = SessionFilter(kind=SessionKind.ACADEMIC)
        assert counts(await clean(stub, at(70), which)) == (0, 0, 0)
        which = SessionFilter(academy_id, SessionKind.QURAN)
        assert counts(await clean(stub, at(70), which)) == (1, 1, 0)
        assert (await other.now()).status is SessionStatus.ONGOING


async def test_without_livekit_sessions_are_completed_and_it_says_so() -> None:
    async with LiveKitStub() as stub:
        classroom = await with_room(stub)
        await stub.go_down()
        done = await clean(stub, at(65))
        assert (counts(done), done.is_silent) == ((1, 1, 0), True)
        assert (await classroom.now()).status is SessionStatus.COMPLETED


async def test_a_session_whose_cleanup_fails_is_counted_and_the_others_are_cleaned() -> None:
    async with LiveKitStub() as stub:
        first, second = await with_room(stub), await with_room(stub)
        await send(first.room.joined(first.stay(1)), at(1))
        await Session.filter(id=first.session.id).update(attendance_policy={"broken": 1})
        assert counts(await clean(stub, at(65))) == (2, 1, 1)
        assert (await second.now()).status is SessionStatus.COMPLETED
