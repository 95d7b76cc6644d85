"""Two clocks in two processes are killed again and again: each move and effect happens once."""

import asyncio
import os
import random
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

import clock
from domain.status import SessionStatus
from models import DueWork, Session, SessionEvent
from tests.conftest import Database
from tests.support import environment, make
from tests.support.livekit_stub import LiveKitStub
from tests.support.patience import see, until
from tests.support.queued_work import has_no_work
from tests.support.ticking import stream, told

NUMBER = 60
KILLS = 6
LIFE = ["SCHEDULED", "MEETING_CREATED", "READY", "ONGOING"]


@asynccontextmanager
async def process(database: Database, stub: LiveKitStub) -> AsyncIterator["Running"]:
    running = Running(database.url, stub.url)
    await running.start()
    try:
        yield running
    finally:
        await running.kill()


class Running:
    """A clock in another process."""

    def __init__(self, database_url: str, livekit_url: str) -> None:
        self._command = (sys.executable, "-m", "tests.support.one_clock", database_url, livekit_url)
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            *self._command,
            stderr=asyncio.subprocess.DEVNULL,
            env={**environment.DEFAULTS, **os.environ},
        )

    async def kill(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        await self._process.wait()


async def _schedule_over(seconds: float) -> list[Session]:
    """Schedule sessions that become ready and start at moments of the next seconds."""
    chance = random.Random(3)
    academy = await make.academy(ready_minutes_before=0)
    teacher, student = await make.teacher(academy), await make.student(academy)
    now = clock.now()
    return [
        await make.session(
            academy,
            teacher,
            student=student,
            at=now + timedelta(seconds=chance.uniform(0.5, seconds)),
            now=now,
        )
        for _ in range(NUMBER)
    ]


@pytest.mark.parametrize("template", ["postgres"], indirect=True)
async def test_two_clocks_that_are_killed_move_each_session_exactly_once(
    database: Database,
) -> None:
    chance = random.Random(5)
    async with (
        LiveKitStub() as stub,
        process(database, stub) as one,
        process(database, stub) as two,
    ):
        sessions = await _schedule_over(6)
        for _ in range(KILLS):
            await asyncio.sleep(chance.uniform(0.4, 0.9))
            victim = chance.choice([one, two])
            await victim.kill()
            await victim.start()
        await until(lambda: _are_ongoing(sessions))
        # The claims of killed tasks last half a minute: release them.
        await DueWork.all().update(claimed_until=None)
        await until(has_no_work)
        assert len(stub.rooms) == NUMBER
    for session in sessions:
        assert [kind for kind in await told(session.id) if kind in LIFE] == LIFE
        assert (await stream(session.id))[-1].sequence == (await Session.get(id=session.id)).version
    assert await SessionEvent.filter(kind="MEETING_CREATED").count() == NUMBER


async def _are_ongoing(sessions: list[Session]) -> bool:
    ongoing = await Session.filter(status=SessionStatus.ONGOING).count()
    return see(ongoing) == len(sessions)
