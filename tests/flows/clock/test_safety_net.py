"""The safety net makes due again what was lost; sessions in order cost it one statement."""

from datetime import timedelta

import pytest

from actions.attendance.final_result import finalise_attendance
from actions.clock.safety_net import catch_forgotten
from actions.clock.sweep import advance_due
from actions.rooms.reconciler import reconcile_rooms
from domain.session import WorkKind
from models import DueWork, Session, VideoSettings
from tests.support.classrooms import Classroom, at, ready
from tests.support.livekit_stub import LiveKitStub
from tests.support.patience import see, until
from tests.support.scene import dump
from tests.support.ticking import reaching, ticking_with_stub, told

pytestmark = pytest.mark.usefixtures("database")


async def refused() -> Classroom:
    """A READY session without a meeting: its academy's window opens in the middle of it."""
    return await ready(meeting_creation_time_start="14:30", meeting_creation_time_end="15:30")


async def test_a_live_session_gets_the_meeting_that_nobody_plans_any_more() -> None:
    classroom = await ready(auto_create_meetings=False)
    await VideoSettings.all().update(auto_create_meetings=True)
    await Session.all().update(meeting_refusal=None)
    await DueWork.all().delete()
    assert (await catch_forgotten(at(-9, 0))).made == 1
    row = await classroom.now()
    assert row.room_name
    assert row.meeting_source == "auto"
    assert (await told(row.id)).count("MEETING_CREATED") == 1
    assert (await catch_forgotten(at(-8))).checked == 0


async def test_the_safety_net_leaves_a_session_alone_for_a_minute() -> None:
    await ready(auto_create_meetings=False)
    await Session.all().update(meeting_refusal=None)
    assert (await catch_forgotten(at(-9, -1))).checked == 0


async def test_the_gate_binds_it_and_nothing_is_told_twice() -> None:
    classroom = await ready(auto_create_meetings=False)
    assert (await catch_forgotten(at(-5))).checked == 0  # the refusal has no retry date
    await Session.all().update(meeting_refusal=None)
    done = await catch_forgotten(at(-5))
    assert (done.checked, done.made, done.failed) == (1, 0, 0)
    assert (await classroom.now()).meeting_id is None


async def test_a_refused_meeting_with_a_retry_date_waits_and_one_without_is_made() -> None:
    classroom = await refused()
    assert await DueWork.exists(kind=WorkKind.MAKE_MEETING)
    assert (await catch_forgotten(at(-5))).checked == 0
    await DueWork.all().delete()
    assert (await catch_forgotten(at(-5))).checked == 0  # it is not time yet
    await VideoSettings.all().update(
        meeting_creation_time_start=None, meeting_creation_time_end=None
    )
    done = await catch_forgotten(at(31))
    assert (done.checked, done.made) == (1, 1)
    assert (await classroom.now()).meeting_id is not None


async def test_a_result_that_nobody_plans_any_more_is_planned() -> None:
    classroom = await ready()
    await advance_due(at(65))
    await DueWork.all().delete()
    assert (await catch_forgotten(at(65, 59))).finalised == 0
    assert (await catch_forgotten(at(66))).finalised == 1
    work = await DueWork.get()
    assert (work.kind, work.subject) == (WorkKind.FINALISE_ATTENDANCE, classroom.session.id)
    assert (await catch_forgotten(at(67))).checked == 0
    await finalise_attendance(classroom.session.id, at(67))
    await DueWork.all().delete()
    assert (await catch_forgotten(at(70))).checked == 0


async def test_a_dry_run_counts_and_does_nothing() -> None:
    await ready()
    await advance_due(at(65))
    unmade = await ready(auto_create_meetings=False)
    await VideoSettings.all().update(auto_create_meetings=True)
    await Session.all().update(meeting_refusal=None)
    await DueWork.all().delete()
    before = await dump()
    done = await catch_forgotten(at(70), is_dry=True)
    assert (done.checked, done.made, done.finalised) == (2, 1, 1)
    assert await dump() == before
    assert (await unmade.now()).meeting_id is None


async def test_a_running_clock_does_it_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.clock.TIDY_EVERY", timedelta(milliseconds=20))
    classroom = await ready()
    await advance_due(at(65))
    await DueWork.all().delete()
    async with ticking_with_stub(now=lambda: at(70)):

        async def is_final() -> bool:
            return see((await classroom.now()).finalised_at) is not None

        await until(is_final)


async def test_a_room_whose_work_was_lost_is_made_by_the_next_look() -> None:
    classroom = await ready()
    await DueWork.all().delete()
    async with LiveKitStub() as stub, reaching(stub.url) as livekit:
        await reconcile_rooms(livekit, at(-9))
        assert [*stub.rooms] == [(await classroom.now()).room_name]
