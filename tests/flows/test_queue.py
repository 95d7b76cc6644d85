"""Work through Redis: sent by clocks, done by workers, once, and nothing left behind."""

import json
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from datetime import timedelta

import pytest

from actions.stream import writing
from actions.sweep import advance_due
from actions.work import (
    CLAIM,
    DEADLY,
    DEADLY_AFTER,
    FAILED_AFTER,
    REST,
    Claim,
    begin,
    claim_due,
    finish,
    put_off,
)
from domain.queue import GROUP, LaneName
from domain.session import WorkKind
from domain.status import SessionStatus
from gateways.livekit import LiveKit
from gateways.queue import JobQueue
from models import DueWork, Session
from tasks.broker import MOST_DELIVERIES, StreamBroker
from tasks.clock import Clock
from tasks.lane import WIDTH
from tasks.stream import JobStream
from tasks.work import Jobs
from tests.support import redis as redis_servers
from tests.support.livekit_stub import LiveKitStub
from tests.support.private_lessons import at, lessons, starting_in
from tests.support.queues import Queue, looking, sending, working
from tests.support.ticking import reaching, ticking, until

pytestmark = pytest.mark.usefixtures("database")

LIVEKIT = LaneName.LIVEKIT
NOW = at(1)


async def ready(number: int = 1) -> list[Session]:
    """Sessions whose rooms are to be made."""
    sessions = await lessons(number)
    await advance_due(at(-10))
    await DueWork.exclude(kind=WorkKind.MAKE_ROOM).delete()
    return sessions


async def over(number: int = 1) -> list[Session]:
    """Sessions that have ended: attendance and room are to be ended too."""
    sessions = await ready(number)
    await advance_due(at(65))
    return sessions


async def has_no_work() -> bool:
    return not await DueWork.exists()


async def claimed(*kinds: WorkKind) -> list[Claim]:
    return await claim_due(NOW, 100, kinds or tuple(WorkKind))


async def test_a_claim_comes_back_from_json_exactly_as_it_was() -> None:
    await ready()
    (claim,) = await claim_due(NOW + timedelta(microseconds=123_457))
    heard = Claim.heard(json.loads(json.dumps(claim.told())))
    assert heard == claim
    assert await begin(heard, NOW)


async def test_work_is_begun_once_however_often_its_message_comes() -> None:
    await ready()
    (claim,) = await claimed()
    begun = await begin(claim, NOW)
    assert begun is not None
    assert begun.claimed_until > claim.claimed_until
    assert await begin(claim, NOW) is None
    await finish(claim)
    assert not await has_no_work()
    await finish(begun)
    assert await has_no_work()


async def test_a_message_that_comes_when_its_work_is_claimed_anew_begins_nothing() -> None:
    await ready()
    (late,) = await claimed()
    (again,) = await claim_due(NOW + CLAIM)
    assert await begin(late, NOW + CLAIM) is None
    assert await begin(again, NOW + CLAIM)


async def test_a_job_that_is_sent_is_done_by_a_worker_and_gone_from_the_stream(
    redis_url: str,
) -> None:
    (session,) = await ready()
    async with AsyncExitStack() as stack:
        stub = await stack.enter_async_context(LiveKitStub())
        livekit = await stack.enter_async_context(reaching(stub.url))
        queue = await stack.enter_async_context(looking(redis_url))
        sender = await stack.enter_async_context(sending(redis_url, LIVEKIT, livekit))
        (claim,) = await claimed()
        await sender.send(claim)  # before any worker was there
        assert await queue.waiting(LIVEKIT) == 1
        await stack.enter_async_context(working(redis_url, LIVEKIT, livekit, NOW))
        await until(has_no_work)
        await until(queue.is_empty)
    assert (await Session.get(id=session.id)).room_ready_at == NOW


async def test_several_workers_do_each_thing_once(redis_url: str) -> None:
    sessions = await ready(30)
    async with AsyncExitStack() as stack:
        stub = await stack.enter_async_context(LiveKitStub())
        livekit = await stack.enter_async_context(reaching(stub.url))
        for _ in range(3):
            await stack.enter_async_context(working(redis_url, LIVEKIT, livekit, NOW))
        sender = await stack.enter_async_context(sending(redis_url, LIVEKIT, livekit))
        for claim in await claimed():
            for _ in range(2):  # every message comes twice
                await sender.send(claim)
        queue = await stack.enter_async_context(looking(redis_url))
        await until(queue.is_empty)
        assert stub.calls.count("CreateRoom") == len(sessions)
    assert await has_no_work()


async def test_what_a_dead_worker_had_is_taken_by_another(redis_url: str) -> None:
    await ready()
    async with AsyncExitStack() as stack:
        stub = await stack.enter_async_context(LiveKitStub())
        livekit = await stack.enter_async_context(reaching(stub.url))
        queue = await stack.enter_async_context(looking(redis_url))
        dead = await stack.enter_async_context(sending(redis_url, LIVEKIT, livekit))
        (claim,) = await claimed()
        await dead.send(claim)
        await stream_of(dead).declare()
        assert await stream_of(dead).next()
        soon = timedelta(milliseconds=1)
        await stack.enter_async_context(working(redis_url, LIVEKIT, livekit, NOW, soon))
        await until(has_no_work)
        await until(queue.is_empty)
        assert len(stub.rooms) == 1


async def test_a_worker_that_leaves_is_forgotten_and_what_it_had_is_sent_again(
    redis_url: str,
) -> None:
    async with (
        reaching("http://127.0.0.1:1") as livekit,
        looking(redis_url) as queue,
        sending(redis_url, LIVEKIT, livekit) as one,
    ):
        stream = stream_of(one)
        await stream.declare()
        number = await queue.put(LIVEKIT, data=b"something")
        delivery = await stream.next()
        assert delivery
        assert delivery.id == number
        await stream.leave()
        assert await queue.consumers(LIVEKIT) == []
        assert await queue.waiting(LIVEKIT) == 1


async def test_a_worker_that_was_killed_is_forgotten_but_not_what_it_had(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.stream.FORGOTTEN_AFTER", timedelta(0))
    async with (
        reaching("http://127.0.0.1:1") as livekit,
        looking(redis_url) as queue,
        sending(redis_url, LIVEKIT, livekit) as idle,
        sending(redis_url, LIVEKIT, livekit) as busy,
    ):
        for one in (idle, busy):
            await queue.put(LIVEKIT, data=b"something")
            await stream_of(one).declare()
            delivery = await stream_of(one).next()
            assert delivery
            if one is idle:
                await stream_of(one).done(delivery.id)
        async with working(redis_url, LIVEKIT, livekit):
            await until(lambda: is_forgotten(queue))
        (left,) = await queue.pending(LIVEKIT)
        assert await queue.consumers(LIVEKIT) == [left["consumer"]]


def stream_of(jobs: Jobs) -> JobStream:
    assert isinstance(jobs.broker, StreamBroker)
    return jobs.broker.stream


async def is_forgotten(queue: Queue) -> bool:
    return len(await queue.consumers(LIVEKIT)) == 1


DONE = {"task_id": "1", "task_name": "make_room", "labels": {}, "args": [], "kwargs": {}}


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"data": b"\xff not json"}, "It cannot be read: UnicodeDecodeError."),
        ({"data": b"[1, 2"}, "It cannot be read: JSONDecodeError."),
        ({"data": b'{"task_id": 3}'}, "It cannot be read: ValidationError."),
        ({"other": b"{}"}, "It cannot be read: JSONDecodeError."),
        ({"data": json.dumps(DONE).encode()}, "It cannot be read: TypeError."),
        (
            {"data": json.dumps(DONE | {"args": [{"id": 1}]}).encode()},
            "It cannot be read: ValidationError.",
        ),
        (
            {"data": json.dumps(DONE | {"task_name": "mine_bitcoin"}).encode()},
            "It names no task of ours.",
        ),
    ],
)
async def test_what_cannot_be_read_or_is_not_ours_is_set_aside_and_told(
    values: dict[str, bytes], reason: str, redis_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    await ready()
    async with AsyncExitStack() as stack:
        stub = await stack.enter_async_context(LiveKitStub())
        livekit = await stack.enter_async_context(reaching(stub.url))
        queue = await stack.enter_async_context(looking(redis_url))
        await queue.put(LIVEKIT, **values)
        sender = await stack.enter_async_context(sending(redis_url, LIVEKIT, livekit))
        for claim in await claimed():
            await sender.send(claim)
        await stack.enter_async_context(working(redis_url, LIVEKIT, livekit, NOW))
        await until(queue.is_empty)  # what came behind it is done
        assert await queue.reasons() == [reason]
    assert await has_no_work()
    assert caplog.text.count("job set aside") == 1
    assert await health(redis_url) == (True, "Redis: 0 wait, 1 set aside")


async def health(url: str) -> tuple[bool, str]:
    queue = JobQueue()
    queue.open(url)
    component = await queue.health()
    await queue.close()
    return component.is_reachable, component.detail


async def test_a_message_that_was_delivered_too_often_is_set_aside(redis_url: str) -> None:
    await ready()
    async with AsyncExitStack() as stack:
        stub = await stack.enter_async_context(LiveKitStub())
        livekit = await stack.enter_async_context(reaching(stub.url))
        queue = await stack.enter_async_context(looking(redis_url))
        dead = await stack.enter_async_context(sending(redis_url, LIVEKIT, livekit))
        for claim in await claimed():
            await dead.send(claim)
        await stream_of(dead).declare()
        delivery = await stream_of(dead).next()
        assert delivery
        name = (LIVEKIT.stream, GROUP, "dead", 0, [delivery.id])
        await queue.redis.xclaim(*name, idle=600_000, retrycount=MOST_DELIVERIES, justid=True)
        await stack.enter_async_context(working(redis_url, LIVEKIT, livekit, NOW))
        await until(queue.is_empty)
        assert await queue.reasons() == ["It was delivered too often, and nobody came to its end."]
        assert stub.calls == []


async def test_work_that_ends_the_process_again_and_again_rests_and_is_set_aside(
    redis_url: str,
) -> None:
    await ready()
    moment = NOW
    for _ in range(DEADLY_AFTER):  # every process that begins it ends before it does
        (claim,) = await claim_due(moment)
        assert await begin(claim, moment)
        moment += 2 * CLAIM
    async with AsyncExitStack() as stack:
        stub = await stack.enter_async_context(LiveKitStub())
        livekit = await stack.enter_async_context(reaching(stub.url))
        queue = await stack.enter_async_context(looking(redis_url))
        sender = await stack.enter_async_context(sending(redis_url, LIVEKIT, livekit))
        await stack.enter_async_context(working(redis_url, LIVEKIT, livekit, moment))
        (claim,) = await claim_due(moment)
        await sender.send(claim)
        await until(queue.is_empty)
        assert await queue.reasons() == [DEADLY]
        assert stub.calls == []
        (work,) = await DueWork.all()
        assert (work.last_error, work.attempts) == (DEADLY, FAILED_AFTER)
        assert await claim_due(moment + REST / 2) == []
        (again,) = await claim_due(moment + REST)  # it is never given up
        begun = await begin(again, moment + REST)
        assert begun
        assert not begun.is_deadly


async def test_work_that_only_fails_is_never_deadly() -> None:
    await ready()
    moment = NOW
    for _ in range(3 * DEADLY_AFTER):
        (claim,) = await claim_due(moment)
        begun = await begin(claim, moment)
        assert begun
        assert not begun.is_deadly
        await put_off(begun, ConnectionError("refused"), moment)
        moment += CLAIM


async def test_work_that_asks_for_itself_anew_is_never_deadly() -> None:
    (session,) = await ready()
    for _ in range(3 * DEADLY_AFTER):
        (claim,) = await claimed()
        begun = await begin(claim, NOW)
        assert begun
        assert not begun.is_deadly
        async with writing(session.id, NOW) as draft:
            draft.plan(WorkKind.MAKE_ROOM, NOW)
        await finish(begun)


def by(
    url: str, livekit: LiveKit, minutes: float = 1, *, is_worker: bool = True
) -> AbstractAsyncContextManager[Clock]:
    """A clock that sends its work to Redis, so many minutes after eleven."""
    return ticking(livekit, lambda: at(minutes), redis_url=url, is_worker=is_worker)


async def test_a_clock_without_a_worker_sends_no_more_than_a_worker_can_begin(
    redis_url: str,
) -> None:
    await ready(WIDTH + 5)
    async with (
        reaching("http://127.0.0.1:1") as livekit,
        looking(redis_url) as queue,
        by(redis_url, livekit, is_worker=False),
        by(redis_url, livekit, is_worker=False) as other,
    ):
        await until(lambda: is_true(other.sweeps > 2))
        waiting = await queue.waiting(LIVEKIT)
        claimed = await DueWork.exclude(claimed_until=None).count()
        assert WIDTH <= waiting == claimed <= 2 * WIDTH


async def is_true(value: bool) -> bool:
    return value


async def test_a_silent_livekit_does_not_hold_up_attendance_in_the_queue(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.clock.STOP_WITHIN_S", 0.1)
    number = 2 * WIDTH + 5
    await over(number)
    async with AsyncExitStack() as stack:
        stub = await stack.enter_async_context(LiveKitStub())
        stub.slow_s = 30
        livekit = await stack.enter_async_context(reaching(stub.url))
        await stack.enter_async_context(by(redis_url, livekit, 66))
        await until(lambda: is_true(stub.calls.count("DeleteRoom") == WIDTH))
        await until(lambda: are_final(number))
        assert await DueWork.filter(kind=WorkKind.DELETE_ROOM).count() == number


async def are_final(number: int) -> bool:
    return await Session.filter(finalised_at__isnull=False).count() == number


async def test_a_worker_does_more_than_fits_into_its_lanes_at_once(redis_url: str) -> None:
    await over(3 * WIDTH)
    async with AsyncExitStack() as stack:
        stub = await stack.enter_async_context(LiveKitStub())
        livekit = await stack.enter_async_context(reaching(stub.url))
        await stack.enter_async_context(by(redis_url, livekit, 66))
        await until(has_no_work)
        queue = await stack.enter_async_context(looking(redis_url))
        await until(queue.is_empty)


async def test_a_worker_that_is_told_to_stop_ends_what_it_does_and_leaves_nothing(
    redis_url: str,
) -> None:
    (session,) = await ready()
    async with AsyncExitStack() as stack:
        stub = await stack.enter_async_context(LiveKitStub())
        livekit = await stack.enter_async_context(reaching(stub.url))
        queue = await stack.enter_async_context(looking(redis_url))
        async with by(redis_url, livekit):
            stub.slow_s = 0.5
            await until(lambda: is_true("CreateRoom" in stub.calls))
        assert (await Session.get(id=session.id)).room_ready_at
        assert await has_no_work()
        assert await queue.is_empty()
        assert await queue.consumers(LIVEKIT) == []


async def test_work_that_takes_too_long_when_its_worker_stops_is_given_back(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.clock.STOP_WITHIN_S", 0.1)
    await ready()
    async with AsyncExitStack() as stack:
        stub = await stack.enter_async_context(LiveKitStub())
        livekit = await stack.enter_async_context(reaching(stub.url))
        queue = await stack.enter_async_context(looking(redis_url))
        async with by(redis_url, livekit):
            stub.slow_s = 30
            await until(lambda: is_true("CreateRoom" in stub.calls))
        (work,) = await DueWork.all()
        assert (work.claimed_until, work.begun, work.attempts) == (None, 0, 0)
        assert await queue.is_empty()


async def test_sessions_move_without_redis_and_their_work_is_done_when_it_is_back() -> None:
    with redis_servers.private(is_started=False) as server:
        sessions = await lessons(3)
        await DueWork.all().delete()
        async with AsyncExitStack() as stack:
            stub = await stack.enter_async_context(LiveKitStub())
            livekit = await stack.enter_async_context(reaching(stub.url))
            when = lambda: at(1)  # noqa: E731
            one = ticking(livekit, when, redis_url=server.url, is_worker=True)
            running = await stack.enter_async_context(one)
            await until(lambda: has_begun(sessions[0]))
            before = running.sweeps
            await until(lambda: is_true(running.sweeps > before + 2))
            assert not await DueWork.exclude(claimed_until=None).exists()
            assert await health(server.url) == (False, "Redis cannot be reached.")
            server.start()
            await until(has_no_work)
            server.kill()  # and it forgets all
            for session in sessions:
                async with writing(session.id, at(1)) as draft:
                    draft.plan(WorkKind.MAKE_ROOM, at(1))
            server.start()
            await until(has_no_work)
            queue = await stack.enter_async_context(looking(server.url))
            await until(queue.is_empty)


async def has_begun(session: Session) -> bool:
    return (await Session.get(id=session.id)).status is SessionStatus.ONGOING


async def test_a_frozen_redis_holds_up_no_sweep() -> None:
    with redis_servers.private() as server:
        async with AsyncExitStack() as stack:
            stub = await stack.enter_async_context(LiveKitStub())
            livekit = await stack.enter_async_context(reaching(stub.url))
            await stack.enter_async_context(ticking(livekit, redis_url=server.url, is_worker=True))
            server.freeze()
            for _ in range(3):
                session = await starting_in(0.2)
                await until(lambda: has_begun(session))  # noqa: B023
                row = await Session.get(id=session.id)
                assert row.updated_at - row.scheduled_at < timedelta(seconds=0.5)
            server.thaw()
            await until(has_no_work)
