"""Messages and work that must not be done again are set aside with the reason."""

import json
from contextlib import AsyncExitStack

import pytest

from actions.writing.due_work import CLAIM, DEADLY, DEADLY_AFTER, QUARANTINE, claim_due, start
from domain.queue import GROUP
from models import DueWork
from models.reading.clock_status import FAILED_AFTER
from tasks.broker import DELIVERIES_MAX
from tests.support.livekit_stub import LiveKitStub
from tests.support.patience import until
from tests.support.queued_work import (
    LIVEKIT,
    NOW,
    claimed,
    has_no_work,
    health,
    ready,
    stream_of,
)
from tests.support.queues import looking, sending, working
from tests.support.ticking import reaching

pytestmark = pytest.mark.usefixtures("database")


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
async def test_unreadable_or_foreign_messages_are_set_aside_with_a_reason(
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
        await until(queue.is_empty)  # the message behind it is done
        assert await queue.reasons() == [reason]
    assert await has_no_work()
    assert caplog.text.count("job set aside") == 1
    assert await health(redis_url) == (True, "Redis: 0 wait, 1 set aside")


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
        name = (queue.stream(LIVEKIT), GROUP, "dead", 0, [delivery.id])
        await queue.redis.xclaim(*name, idle=600_000, retrycount=DELIVERIES_MAX, justid=True)
        await stack.enter_async_context(working(redis_url, LIVEKIT, livekit, NOW))
        await until(queue.is_empty)
        assert await queue.reasons() == ["It was delivered too often, and nobody came to its end."]
        assert stub.calls == []


async def test_work_that_ends_the_process_again_and_again_rests_and_is_set_aside(
    redis_url: str,
) -> None:
    await ready()
    moment = NOW
    for _ in range(DEADLY_AFTER):  # every process that starts it dies before the end
        (claim,) = await claim_due(moment)
        assert await start(claim, moment)
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
        assert await claim_due(moment + QUARANTINE / 2) == []
        (again,) = await claim_due(moment + QUARANTINE)  # it is never given up
        begun = await start(again, moment + QUARANTINE)
        assert begun
        assert not begun.is_deadly
