"""A person who loses a session while their request waits for its lock changes nothing of it."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from actions.admittance.barring import bar_participant, unbar_participant
from actions.admittance.participants import add_participant
from actions.attendance.overrides import (
    Wish,
    override_attendance,
    override_attendances,
    withdraw_attendance_override,
)
from actions.attendance.recalculation import recalculate_attendance
from actions.rooms.meeting_create import create_meeting
from actions.rooms.meeting_end import end_meeting
from actions.sessions.session_cancel import cancel_session
from actions.sessions.session_keep_open import keep_session_open, release_session
from actions.sessions.session_reschedule import reschedule_session
from actions.sessions.session_update import update_session
from domain.access import Viewer
from domain.attendance.fold import AttendanceStatus
from domain.errors import DomainError
from gateways.livekit import LiveKit
from models import Session
from tests.conftest import Database
from tests.support import make
from tests.support.scene import Scene

Act = Callable[[Viewer, Scene, LiveKit], Awaitable[Any]]

WISH = Wish(AttendanceStatus.EXCUSED, "Ill.")
LATER = make.ELEVEN + timedelta(hours=3)

ACTS: dict[str, Act] = {
    "cancelSession": lambda v, s, _: cancel_session(v, s["mine"].id, None, s.now),
    "updateSession": lambda v, s, _: update_session(v, s["mine"].id, {"title": "Mine"}, s.now),
    "rescheduleSession": lambda v, s, _: reschedule_session(v, s["mine"].id, LATER, None, s.now),
    "keepSessionOpen": lambda v, s, _: keep_session_open(v, s["mine"].id, 90, s.now),
    "releaseSession": lambda v, s, _: release_session(v, s["mine"].id, s.now),
    "barParticipant": lambda v, s, _: bar_participant(v, s["mine"].id, s["student"].id, s.now),
    "unbarParticipant": lambda v, s, _: unbar_participant(v, s["mine"].id, s["student"].id, s.now),
    "addParticipant": lambda v, s, _: add_participant(v, s["mine"].id, s["stranger"].id, s.now),
    "createMeeting": lambda v, s, _: create_meeting(v, s["mine"].id, {}, s.now),
    "endMeeting": lambda v, s, livekit: end_meeting(livekit, v, s["mine"].id, s.now),
    "overrideAttendance": lambda v, s, _: override_attendance(
        v, s["mine"].id, s["student"].id, WISH, s.now
    ),
    "overrideAttendances": lambda v, s, _: override_attendances(
        v, s["mine"].id, [s["student"].id], WISH, s.now
    ),
    "withdrawAttendanceOverride": lambda v, s, _: withdraw_attendance_override(
        v, s["mine"].id, s["student"].id, s.now
    ),
    "recalculateAttendance": lambda v, s, _: recalculate_attendance(v, s["mine"].id, s.now),
}


@asynccontextmanager
async def committing(database: Database, *changes: str) -> AsyncIterator[None]:
    """Make the changes on a second connection, which holds their locks and commits at the end."""
    if database.dialect == "sqlite":
        with closing(sqlite3.connect(database.url.removeprefix("sqlite:///"))) as file:
            for change in changes:
                file.execute(change)
            yield
            file.commit()
        return
    connection = await asyncpg.connect(database.url)
    try:
        async with connection.transaction():
            for change in changes:
                await connection.execute(change)
            yield
    finally:
        await connection.close()


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Set when the right to the session was asked for the first time."""
    event, fetch = asyncio.Event(), Session.fetch_for

    async def fetch_for(*args: Any) -> Session:
        row = await fetch(*args)
        event.set()
        return row

    monkeypatch.setattr(Session, "fetch_for", fetch_for)
    return event


async def refused_as(
    act: Act, there: Scene, asked: asyncio.Event, livekit: LiveKit, *, by: Any
) -> str:
    """The refusal of the teacher's request, which passed its first question inside of `by`."""
    async with by:
        task = asyncio.ensure_future(act(make.viewer(there["teacher"]), there, livekit))
        await asyncio.wait_for(asked.wait(), 5)
    with pytest.raises(DomainError) as caught:
        await task
    assert (await Session.get(id=there["mine"].id)).version == there["mine"].version
    return caught.value.code


def replacement(there: Scene) -> str:
    new, session = there["colleague"].id, there["mine"].id
    return f"UPDATE sessions SET teacher_id = {new} WHERE id = {session}"


def removal(there: Scene) -> str:
    return f"DELETE FROM session_participants WHERE id = {there['teachers_attendance'].id}"


def addition(there: Scene) -> str:
    row = there["teachers_attendance"].id
    return f"UPDATE session_participants SET is_added = true WHERE id = {row}"


@pytest.mark.parametrize("name", ACTS)
async def test_a_teacher_who_is_replaced_meanwhile_finds_no_session(
    name: str, database: Database, there: Scene, asked: asyncio.Event, livekit: LiveKit
) -> None:
    gone = committing(database, replacement(there), removal(there))
    assert await refused_as(ACTS[name], there, asked, livekit, by=gone) == "NOT_FOUND"


@pytest.mark.parametrize("name", ["cancelSession", "updateSession"])
async def test_one_who_still_sees_the_session_is_forbidden_to_change_it(
    name: str, database: Database, there: Scene, asked: asyncio.Event, livekit: LiveKit
) -> None:
    replaced = committing(database, replacement(there), addition(there))
    assert await refused_as(ACTS[name], there, asked, livekit, by=replaced) == "FORBIDDEN"
