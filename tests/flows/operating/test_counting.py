"""Counters of a process that could be one too high or one too low."""

import pytest

from actions.clock.sweep import advance_due
from domain.errors import NotFoundError
from gateways.bus import Bus
from subscriptions.hubs import Hubs
from tests.support.exposition import counted
from tests.support.private_sessions import at, make_sessions

pytestmark = pytest.mark.usefixtures("database")


async def test_a_batch_counts_each_of_its_moves() -> None:
    await make_sessions(3)
    before = counted("transitions_total", to="READY")
    await advance_due(at(-10))
    assert counted("transitions_total", to="READY") == before + 3


async def test_a_session_counts_once_however_many_watch_it() -> None:
    one, other = await make_sessions(2)
    hubs, before = Hubs(Bus()), counted("watched_sessions")
    async with hubs.watching(one.id), hubs.watching(other.id):
        async with hubs.watching(one.id):
            assert counted("watched_sessions") == before + 2
        assert counted("watched_sessions") == before + 2
        with pytest.raises(NotFoundError):
            async with hubs.watching(other.id + 1):
                pass
        assert counted("watched_sessions") == before + 2
    assert counted("watched_sessions") == before
