"""Claimed work starts once, however late or often its message comes."""

import json
from datetime import timedelta

import pytest

from actions.writing.due_work import (
    CLAIM,
    DEADLY_AFTER,
    Claim,
    claim_due,
    finish,
    retry,
    start,
)
from actions.writing.stream import writing
from domain.session import WorkKind
from tests.support.queued_work import (
    NOW,
    claimed,
    has_no_work,
    ready,
)

pytestmark = pytest.mark.usefixtures("database")


async def test_a_claim_comes_back_from_json_exactly_as_it_was() -> None:
    await ready()
    (claim,) = await claim_due(NOW + timedelta(microseconds=123_457))
    heard = Claim.from_dict(json.loads(json.dumps(claim.to_dict())))
    assert heard == claim
    assert await start(heard, NOW)


async def test_work_is_started_once_however_often_its_message_comes() -> None:
    await ready()
    (claim,) = await claimed()
    begun = await start(claim, NOW)
    assert begun is not None
    assert begun.claimed_until > claim.claimed_until
    assert await start(claim, NOW) is None
    await finish(claim)
    assert not await has_no_work()
    await finish(begun)
    assert await has_no_work()


async def test_a_message_that_comes_when_its_work_is_claimed_anew_starts_nothing() -> None:
    await ready()
    (late,) = await claimed()
    (again,) = await claim_due(NOW + CLAIM)
    assert await start(late, NOW + CLAIM) is None
    assert await start(again, NOW + CLAIM)


async def test_work_that_only_fails_is_never_deadly() -> None:
    await ready()
    moment = NOW
    for _ in range(3 * DEADLY_AFTER):
        (claim,) = await claim_due(moment)
        begun = await start(claim, moment)
        assert begun
        assert not begun.is_deadly
        await retry(begun, ConnectionError("refused"), moment)
        moment += CLAIM


async def test_work_that_asks_for_itself_anew_is_never_deadly() -> None:
    (session,) = await ready()
    for _ in range(3 * DEADLY_AFTER):
        (claim,) = await claimed()
        begun = await start(claim, NOW)
        assert begun
        assert not begun.is_deadly
        async with writing(session.id, NOW) as draft:
            draft.add_work(WorkKind.MAKE_ROOM, NOW)
        await finish(begun)
