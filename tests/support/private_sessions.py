"""Private sessions at eleven, their current rows, and a lock on them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import asyncpg

import clock
from domain.status import SessionStatus
from models import Session
from tests.conftest import Database
from tests.support import make
from tests.support.patience import see

ELEVEN = make.ELEVEN


def at(minutes: float) -> datetime:
    return ELEVEN + timedelta(minutes=minutes)


async def make_session(**values: Any) -> Session:
    academy = await make.academy(**{k: values.pop(k) for k in list(values) if k in SETTINGS})
    teacher, student = await make.teacher(academy), await make.student(academy)
    return await make.session(academy, teacher, student=student, **values)


SETTINGS = ("max_overtime_minutes", "ready_minutes_before", "completion_buffer_minutes")


async def make_sessions(number: int, **values: Any) -> list[Session]:
    academy = await make.academy()
    teacher, student = await make.teacher(academy), await make.student(academy)
    return [await make.session(academy, teacher, student=student, **values) for _ in range(number)]


async def fresh(session: Session) -> Session:
    return await Session.get(id=session.id)


@asynccontextmanager
async def held(database: Database, session: Session) -> AsyncIterator[None]:
    """Lock the session's row from another connection."""
    connection = await asyncpg.connect(database.url)
    try:
        async with connection.transaction():
            lock = "SELECT id FROM sessions WHERE id = $1 FOR UPDATE"
            await connection.execute(lock, session.id)
            yield
    finally:
        await connection.close()


async def starting_in(seconds: float) -> Session:
    moment = clock.now()
    return await make_session(
        at=moment + timedelta(seconds=seconds), now=moment, ready_minutes_before=0
    )


async def is_now(session: Session, status: SessionStatus) -> bool:
    return see((await fresh(session)).status) is status
