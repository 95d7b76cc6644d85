"""A reader sees the whole final result or nothing of it while it is stored."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

from actions.attendance.final_result import finalise_attendance
from actions.clock.sweep import advance_due
from domain.attendance.fold import AttendanceStatus
from models.reading.rosters import read_rosters
from tests.conftest import Database
from tests.support.classrooms import Classroom, at, ready
from tests.support.livekit_events import send

OVER = at(65)


async def test_a_result_that_is_being_stored_is_seen_whole_or_not_at_all(
    database: Database,
) -> None:
    classrooms = [await ready(students=3) for _ in range(12)]
    for classroom in classrooms:
        await send(classroom.room.started(), at(-9))
    await advance_due(OVER)
    await asyncio.gather(*(_finalise_and_read(classroom) for classroom in classrooms))


async def _finalise_and_read(classroom: Classroom) -> None:
    done = asyncio.create_task(
        finalise_attendance(classroom.session.id, OVER + timedelta(seconds=10))
    )
    await asyncio.gather(*(_read_until(done.done, classroom) for _ in range(4)))
    await done
    assert await _statuses(classroom) == [AttendanceStatus.ABSENT] * 3


async def _read_until(is_done: Callable[[], bool], classroom: Classroom) -> None:
    while not is_done():
        await _statuses(classroom)


async def _statuses(classroom: Classroom) -> list[AttendanceStatus | None]:
    """The statuses of the expected students: all of them with a final result, none without it."""
    states = (await read_rosters([classroom.session.id]))[classroom.session.id]
    for state in states:
        assert state.is_final == (state.result.status is not None) or not state.is_expected
    return [state.result.status for state in states if state.is_expected]
