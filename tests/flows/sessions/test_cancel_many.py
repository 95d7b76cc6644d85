"""A whole day is cancelled or nothing of it, with every refusal under its index."""

import asyncio
from datetime import datetime

import pytest

from actions.clock.sweep import advance_due
from actions.sessions.session_cancel import cancel_session, cancel_sessions
from domain.access import UserRole, Viewer
from domain.errors import ErrorCode, InvalidInputError, RefusedError
from domain.status import SessionStatus
from models import DueWork, Session
from tests.support import make
from tests.support.classrooms import Classroom, at, ready, scheduled
from tests.support.scene import dump
from tests.support.ticking import told

pytestmark = pytest.mark.usefixtures("database")

SUPER = UserRole.SUPER_ADMIN


async def refusals(
    viewer: Viewer, ids: list[int], reason: str | None, now: datetime
) -> list[tuple[ErrorCode, tuple[str, ...] | None]]:
    before = await dump()
    with pytest.raises(RefusedError) as refused:
        await cancel_sessions(viewer, ids, reason, now)
    assert await dump() == before
    return [(error.code, error.field) for error in refused.value.errors]


async def test_all_are_cancelled_with_reason_author_and_effects() -> None:
    classrooms: list[Classroom] = [await ready(), await scheduled()]
    admin = make.viewer(await make.user(None, SUPER))
    ids = [classroom.session.id for classroom in reversed(classrooms)]
    rows = await cancel_sessions(admin, ids, "Eid", at(-5))
    assert [row.id for row in rows] == ids
    for classroom in classrooms:
        row = await classroom.now()
        assert (row.status, row.cancellation_reason) == (SessionStatus.CANCELLED, "Eid")
    assert (await told(classrooms[0].session.id))[-2:] == ["CANCELLED", "MEETING_ENDED"]
    assert await DueWork.exists(kind="DELETE_ROOM", subject=classrooms[0].session.id)


async def test_the_same_call_again_changes_nothing_and_is_answered_alike() -> None:
    classrooms: list[Classroom] = [await ready(), await scheduled()]
    admin = make.viewer(await make.user(None, SUPER))
    ids = [classroom.session.id for classroom in classrooms]
    first = await cancel_sessions(admin, [*ids, ids[0]], "Eid", at(-5))
    before = await dump()
    again = await cancel_sessions(admin, [*ids, ids[0]], "Snow", at(-4))
    assert await dump() == before
    assert [(row.id, row.cancellation_reason) for row in again] == [
        (row.id, row.cancellation_reason) for row in first
    ]


async def test_a_session_already_cancelled_does_not_stop_the_cancelling_of_others() -> None:
    first, second = await scheduled(), await scheduled()
    admin = make.viewer(await make.user(None, SUPER))
    await cancel_session(admin, first.session.id, "Ill", at(-40))
    ids = [first.session.id, second.session.id]
    rows = await cancel_sessions(admin, ids, "Eid", at(-30))
    assert [row.cancellation_reason for row in rows] == ["Ill", "Eid"]
    for classroom in (first, second):
        assert (await told(classroom.session.id)).count("CANCELLED") == 1
    stranger = make.viewer(first.teacher)
    assert await refusals(stranger, ids[:1], None, at(-20)) == [(ErrorCode.FORBIDDEN, ("0",))]


async def test_a_session_that_is_over_stops_the_cancelling_of_all() -> None:
    first, second = await scheduled(), await ready()
    admin = make.viewer(await make.user(None, SUPER))
    await Session.filter(id=second.session.id).update(status=SessionStatus.COMPLETED)
    ids = [first.session.id, second.session.id, 99]
    found = await refusals(admin, ids, None, at(-30))
    assert found == [(ErrorCode.WRONG_STATUS, ("1",)), (ErrorCode.NOT_FOUND, ("2",))]


async def test_a_teacher_may_not_cancel_many_sessions() -> None:
    mine, others = await scheduled(), await scheduled()
    ids = [mine.session.id, others.session.id]
    found = await refusals(make.viewer(mine.teacher), ids, None, at(-30))
    assert found == [(ErrorCode.FORBIDDEN, ("0",)), (ErrorCode.NOT_FOUND, ("1",))]
    found = await refusals(make.viewer(mine.student), ids[:1], None, at(-30))
    assert found == [(ErrorCode.FORBIDDEN, ("0",))]


@pytest.mark.parametrize("number", [0, 501])
async def test_one_to_500_at_once(number: int) -> None:
    admin = make.viewer(await make.user(None, SUPER))
    found = await refusals(admin, list(range(1, number + 1)), None, at(-30))
    assert found == [(ErrorCode.INVALID_INPUT, None)]
    with pytest.raises(InvalidInputError):
        await cancel_sessions(admin, [1], "x" * 2001, at(-30))


async def test_two_bulk_cancellations_and_the_clock_at_once_cancel_each_session_once() -> None:
    classrooms = [await scheduled() for _ in range(4)]
    admin = make.viewer(await make.user(None, SUPER))
    ids = [classroom.session.id for classroom in classrooms]
    answers = await asyncio.gather(
        cancel_sessions(admin, ids, None, at(-11)),
        cancel_sessions(admin, ids[::-1], None, at(-11)),
        advance_due(at(-10)),
        return_exceptions=True,
    )
    assert not [answer for answer in answers if isinstance(answer, BaseException)]
    for classroom in classrooms:
        assert (await classroom.now()).status is SessionStatus.CANCELLED
        assert (await told(classroom.session.id)).count("CANCELLED") == 1
