"""Due work: claimed once, retried when it fails, deleted when it is done, never lost."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

import pytest

from actions.clock.sweep import advance_due
from actions.rooms.room_work import Rooms
from actions.writing.due_work import CLAIM, Claim, claim_due, finish, retry
from actions.writing.stream import writing
from domain.session import WorkKind
from domain.status import SessionStatus
from models import DueWork, Session
from models.database.atomic import atomic
from models.reading.clock_status import FAILED_AFTER
from tasks.broker import local_broker
from tasks.lane import WIDTH, Lane
from tasks.work import Jobs
from tests.support import make
from tests.support.livekit_stub import LiveKitStub
from tests.support.patience import see, until
from tests.support.ticking import reaching, ticking, ticking_with_stub

pytestmark = pytest.mark.usefixtures("database")

ELEVEN = make.ELEVEN


def at(minutes: float) -> datetime:
    return ELEVEN + timedelta(minutes=minutes)


def after(seconds: float) -> datetime:
    return at(-10) + timedelta(seconds=seconds)


async def ready_sessions(number: int = 1) -> list[Session]:
    """Sessions whose rooms have been due since `at(-10)`."""
    academy = await make.academy()
    teacher, student = await make.teacher(academy), await make.student(academy)
    sessions = [await make.session(academy, teacher, student=student) for _ in range(number)]
    await advance_due(at(-10))
    return sessions


async def the_work() -> DueWork:
    (work,) = await DueWork.all()
    return work


async def has_no_work() -> bool:
    return not await DueWork.exists()


async def test_work_is_claimed_when_it_is_due_and_by_one_only() -> None:
    (session,) = await ready_sessions()
    assert await claim_due(after(-1)) == []
    (claim,) = await claim_due(after(0))
    assert (claim.kind, claim.subject) == (WorkKind.MAKE_ROOM, session.id)
    assert claim.academy_id == session.academy_id
    assert await claim_due(after(29)) == []


async def test_many_claimers_at_once_share_the_work_without_overlap() -> None:
    await ready_sessions(20)
    shares = await asyncio.gather(*(claim_due(after(0), 6) for _ in range(5)))
    claimed = [claim.id for share in shares for claim in share]
    assert len(claimed) == len(set(claimed)) == 20


async def test_a_lost_task_is_claimed_again_when_its_claim_runs_out() -> None:
    await ready_sessions()
    (lost,) = await claim_due(after(0))
    (again,) = await claim_due(after(0) + CLAIM)
    assert (again.id, again.attempts) == (lost.id, 0)


async def test_finished_work_is_gone() -> None:
    await ready_sessions()
    (claim,) = await claim_due(after(0))
    await finish(claim)
    assert await has_no_work()


async def test_work_that_was_asked_for_again_meanwhile_stays() -> None:
    (session,) = await ready_sessions()
    for moment in (after(0), after(5)):  # also with a due date equal to the old one
        (claim,) = await claim_due(moment)
        async with writing(session.id, moment) as draft:
            draft.add_work(WorkKind.MAKE_ROOM, claim.due_at)
        await finish(claim)
        await retry(claim, ValueError("late"), moment)
        work = await the_work()
        assert work.claimed_until is None
        assert work.last_error is None
        assert work.attempts == 0


async def test_a_holder_whose_claim_ran_out_does_not_change_the_next_claim() -> None:
    await ready_sessions()
    (slow,) = await claim_due(after(0))
    (quick,) = await claim_due(after(31))
    await finish(slow)
    await retry(slow, ValueError("slow"), after(32))
    work = await the_work()
    assert (work.claimed_until, work.attempts) == (quick.claimed_until, 0)


async def test_work_that_fails_is_retried_later_each_time_and_never_dropped() -> None:
    await ready_sessions()
    moment, waits = after(0), []
    for _ in range(8):
        (claim,) = await claim_due(moment)
        await retry(claim, ConnectionError("refused"), moment)
        work = await the_work()
        assert work.claimed_until is not None
        waits.append((work.claimed_until - moment).total_seconds())
        assert await claim_due(work.claimed_until - timedelta(milliseconds=1)) == []
        moment = work.claimed_until
    assert waits == [1, 2, 4, 8, 15, 15, 15, 15]
    assert (await the_work()).attempts >= FAILED_AFTER
    assert (await the_work()).last_error == "ConnectionError: refused"


async def test_work_of_one_kind_can_be_claimed_alone() -> None:
    (session,) = await ready_sessions()
    assert await claim_due(after(0), 10, (WorkKind.FINALISE_ATTENDANCE,)) == []
    assert len(await claim_due(after(0), 10, (WorkKind.MAKE_ROOM,))) == 1
    assert (await Session.get(id=session.id)).status is SessionStatus.READY


@asynccontextmanager
async def jobs(moment: datetime) -> AsyncIterator[tuple[Jobs, LiveKitStub]]:
    async with LiveKitStub() as stub, reaching(stub.url) as livekit:
        broker = local_broker()
        await broker.startup()
        yield Jobs(broker, Rooms(livekit), lambda: moment), stub
        await broker.shutdown()


async def send_all(jobs: Jobs, moment: datetime) -> list[Claim]:
    claims = await claim_due(moment)
    for claim in claims:
        await jobs.send(claim)
    return claims


async def test_the_job_makes_the_room_and_then_the_work_is_done() -> None:
    (session,) = await ready_sessions()
    async with jobs(after(1)) as (sender, stub):
        await send_all(sender, after(1))
    row = await Session.get(id=session.id)
    assert list(stub.rooms) == [row.room_name]
    assert (row.room_ready_at, row.room_first_ready_at) == (after(1), after(1))
    assert row.room_sid == stub.rooms[str(row.room_name)].sid
    assert await has_no_work()


async def test_the_jobs_end_a_session_room_and_attendance() -> None:
    (session,) = await ready_sessions()
    async with jobs(after(1)) as (sender, stub):
        await send_all(sender, after(1))
        await advance_due(at(65))
        assert {c.kind.value for c in await send_all(sender, at(66))} == {
            "DELETE_ROOM",
            "FINALISE_ATTENDANCE",
        }
    assert stub.rooms == {}
    row = await Session.get(id=session.id)
    assert (row.finalised_at, row.status) == (after(1), SessionStatus.ABSENT)
    assert await has_no_work()


async def test_any_job_may_run_twice() -> None:
    (session,) = await ready_sessions()
    async with jobs(after(1)) as (sender, stub):
        claims = await send_all(sender, after(1))
        await advance_due(at(65))
        claims += await send_all(sender, at(66))
        before = await Session.get(id=session.id)
        for claim in claims:
            await sender.send(claim)
        assert stub.rooms == {}
    after_all = await Session.get(id=session.id)
    assert (after_all.version, after_all.finalised_at) == (before.version, before.finalised_at)


async def test_a_job_sent_from_inside_a_transaction_runs_outside_of_it() -> None:
    """A task inherits its sender's context, and with it the transaction."""
    (session,) = await ready_sessions()
    async with jobs(after(1)) as (sender, _):
        lane = Lane(sender, (WorkKind.MAKE_ROOM,), lambda: None)
        async with atomic():
            await lane.fill(after(1))
        await lane.drain(5)
    assert (await Session.get(id=session.id)).room_ready_at == after(1)
    assert await has_no_work()


async def test_a_lane_takes_no_more_than_it_can_start_and_rings_when_it_has_room() -> None:
    await ready_sessions(WIDTH + 5)
    rung: list[int] = []
    async with jobs(after(1)) as (sender, stub):
        stub.slow_s = 0.2
        lane = Lane(sender, (WorkKind.MAKE_ROOM,), lambda: rung.append(len(stub.rooms)))
        await lane.fill(after(1))
        await lane.fill(after(1))
        assert await DueWork.filter(claimed_until__isnull=True).count() == 5
        await lane.drain(5)
        assert len(rung) == 1
        await lane.fill(after(1))
        await lane.drain(5)
    assert await has_no_work()


async def test_a_room_is_made_when_livekit_is_back() -> None:
    (session,) = await ready_sessions()
    async with LiveKitStub() as stub, reaching(stub.url) as livekit:
        await stub.go_down()
        async with ticking(livekit, lambda: after(1)):
            await until(_was_put_off)
        row = await Session.get(id=session.id)
        assert (row.status, row.room_ready_at) == (SessionStatus.READY, None)
        assert row.room_error == "LiveKit cannot be reached."
        await stub.come_up()
        async with ticking(livekit, lambda: after(3)):
            await until(has_no_work)
        row = await Session.get(id=session.id)
        assert row.room_ready_at == after(3)
        assert row.room_error is None


async def _was_put_off() -> bool:
    return see((await the_work()).attempts) == 1


async def test_a_silent_livekit_does_not_hold_up_attendance() -> None:
    sessions = await ready_sessions(WIDTH + 10)
    await advance_due(at(65))
    async with ticking_with_stub(lambda: at(66)) as (_, stub):
        stub.slow_s = 2
        await until(lambda: _are_final(len(sessions)))
        assert await DueWork.filter(kind=WorkKind.DELETE_ROOM).count() == len(sessions)


async def _are_final(number: int) -> bool:
    return see(await Session.filter(finalised_at__isnull=False).count()) == number
