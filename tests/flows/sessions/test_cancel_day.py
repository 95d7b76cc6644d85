"""A whole day is cancelled in the academy's zone: what can still be cancelled of it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from actions.sessions import day_cancel
from actions.sessions.day_cancel import cancel_day
from domain.access import UserRole, Viewer
from domain.status import SessionStatus
from models import Academy, DueWork, Session, SessionEvent
from tests.support import make
from tests.support.asking import Asker, payload
from tests.support.classrooms import at
from tests.support.scene import Scene, dump
from tests.support.upserts import refusals

pytestmark = pytest.mark.usefixtures("database")

DAY = "2026-03-02"
CANCEL = """
mutation ($academy: ID!, $day: String!, $teacher: ID, $group: ID, $reason: String) {
  cancelDay(academyId: $academy, localDate: $day, teacherId: $teacher, groupId: $group,
            reason: $reason) {
    sessions { databaseId status cancellationReason scheduledAt }
    errors { code field }
  }
}
"""


async def admin_of(academy: Academy) -> Viewer:
    return make.viewer(await make.user(academy, UserRole.ACADEMY_ADMIN))


async def cancelled(there: Scene, asker: Asker, who: str, **more: Any) -> list[int]:
    arguments = {"academy": there.id("academy"), "day": DAY, "reason": "Eid"} | more
    found = payload(await asker.ask(CANCEL, there[who], now=there.now, **arguments))["sessions"]
    for one in found:
        assert (one["status"], one["cancellationReason"]) == ("CANCELLED", "Eid")
    return [one["databaseId"] for one in found]


async def test_all_of_the_day_with_every_effect(asker: Asker, there: Scene) -> None:
    mine, others = there["mine"].id, there["others"].id
    assert await cancelled(there, asker, "supervisor") == [mine, others]
    assert (await Session.get(id=there["foreign"].id)).status is SessionStatus.READY
    assert await DueWork.exists(kind="DELETE_ROOM", subject=mine)
    event = (
        await SessionEvent.filter(session_id=mine, kind="STATUS_CHANGED").order_by("-id").first()
    )
    assert event is not None
    assert (event.actor_id, event.payload["reason"]) == (there["supervisor"].id, "Eid")
    before = await dump()
    assert await cancelled(there, asker, "supervisor") == []
    assert await dump() == before


async def test_a_teacher_cancels_their_own(asker: Asker, there: Scene) -> None:
    assert await cancelled(there, asker, "teacher") == [there["mine"].id]
    assert (await Session.get(id=there["others"].id)).status is SessionStatus.READY


async def test_of_one_teacher_or_one_group(asker: Asker, there: Scene) -> None:
    mine, others = there["mine"].id, there["others"].id
    colleague, circle = there.id("colleague"), there.id("circle")
    assert await cancelled(there, asker, "admin", teacher=colleague, group=circle) == []
    assert await cancelled(there, asker, "admin", teacher=colleague) == [others]
    assert await cancelled(there, asker, "admin", group=circle) == [mine]


async def test_a_teacher_does_not_cancel_anothers_session_of_their_group(
    asker: Asker, there: Scene
) -> None:
    await Session.filter(id=there["mine"].id).update(teacher_id=there["colleague"].id)
    assert await cancelled(there, asker, "teacher", group=there.id("circle")) == []


@pytest.mark.parametrize(
    ("who", "values", "expected"),
    [
        ("admin", {"day": "2026-3-2"}, ("INVALID_INPUT", ["localDate"])),
        ("admin", {"day": "20260302"}, ("INVALID_INPUT", ["localDate"])),
        ("admin", {"day": "2026-02-29"}, ("INVALID_INPUT", ["localDate"])),
        ("admin", {"day": "0000-01-01"}, ("INVALID_INPUT", ["localDate"])),
        ("admin", {"day": "2026-03-02T00:00"}, ("INVALID_INPUT", ["localDate"])),
        ("admin", {"day": "2026-W10-1"}, ("INVALID_INPUT", ["localDate"])),
        ("admin", {"day": "٢٠٢٦-٠٣-٠٢"}, ("INVALID_INPUT", ["localDate"])),
        ("admin", {"day": ""}, ("INVALID_INPUT", ["localDate"])),
        ("admin", {"day": "0001-01-01"}, ("INVALID_INPUT", ["localDate"])),
        ("admin", {"day": "9999-12-31"}, ("INVALID_INPUT", ["localDate"])),
        ("admin", {"reason": "x" * 2001}, ("INVALID_INPUT", ["reason"])),
        ("admin", {"academy": "foreign_academy"}, ("NOT_FOUND", ["academyId"])),
        ("admin", {"academy": "student"}, ("NOT_FOUND", ["academyId"])),
        ("admin", {"teacher": "foreign_teacher"}, ("NOT_FOUND", ["teacherId"])),
        ("admin", {"teacher": "circle"}, ("NOT_FOUND", ["teacherId"])),
        ("super", {"teacher": "foreign_teacher"}, ("NOT_FOUND", ["teacherId"])),
        ("admin", {"group": "foreign_circle"}, ("NOT_FOUND", ["groupId"])),
        ("super", {"group": "foreign_circle"}, ("NOT_FOUND", ["groupId"])),
        ("teacher", {"teacher": "colleague"}, ("NOT_FOUND", ["teacherId"])),
        ("teacher", {"teacher": "student"}, ("FORBIDDEN", ["teacherId"])),
        ("teacher", {"group": "others_circle"}, ("NOT_FOUND", ["groupId"])),
        ("student", {}, ("FORBIDDEN", ["academyId"])),
        ("parent", {}, ("FORBIDDEN", ["academyId"])),
        ("parent", {"academy": "foreign_academy"}, ("NOT_FOUND", ["academyId"])),
    ],
)
async def test_what_is_refused(
    asker: Asker,
    there: Scene,
    who: str,
    values: dict[str, str],
    expected: tuple[str, list[str]],
) -> None:
    before = await dump()
    names = {
        name: there.id(value) if value in there.rows else value for name, value in values.items()
    }
    arguments: dict[str, Any] = {"academy": there.id("academy"), "day": DAY} | names
    answer = await asker.ask(CANCEL, there[who], now=there.now, **arguments)
    assert refusals(answer) == [expected]
    assert await dump() == before


@pytest.mark.parametrize("role", [UserRole.ACADEMY_ADMIN, UserRole.SUPERVISOR, UserRole.TEACHER])
async def test_what_cannot_be_cancelled_any_more_is_left_as_it_is(role: UserRole) -> None:
    """Admins and supervisors cancel until the scheduled end, a teacher until the start."""
    academy = await make.academy()
    teacher, student = await make.teacher(academy), await make.student(academy)
    rows = {
        starts: await make.session(academy, teacher, student=student, at=at(starts), now=at(-700))
        for starts in (-300, -60, -10, 0, 1, 100)
    }
    await Session.filter(id=rows[-300].id).update(
        status=SessionStatus.COMPLETED, next_transition_at=None
    )
    who = teacher if role is UserRole.TEACHER else await make.user(academy, role)
    found = await cancel_day(make.viewer(who), academy.id, DAY, None, at(0))
    expected = [1, 100] if role is UserRole.TEACHER else [-10, 0, 1, 100]
    assert [row.id for row in found] == [rows[starts].id for starts in expected]
    left = await Session.exclude(status=SessionStatus.CANCELLED)
    assert {row.id for row in left} == {row.id for row in rows.values()} - {one.id for one in found}


async def test_the_first_five_hundred_by_start_and_then_the_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(day_cancel, "BULK_MAX_ITEMS", 2)
    academy = await make.academy()
    teacher, student = await make.teacher(academy), await make.student(academy)
    rows = [
        await make.session(academy, teacher, student=student, at=at(starts), now=at(-700))
        for starts in (300, -10, 100, 200, 100)
    ]
    who = make.viewer(teacher)
    pages = [await cancel_day(who, academy.id, DAY, None, at(0)) for _ in range(3)]
    found = [[row.id for row in page] for page in pages]
    assert found == [[rows[2].id, rows[4].id], [rows[3].id, rows[0].id], []]


@pytest.mark.parametrize(
    ("zone", "day", "first", "last"),
    [
        ("Asia/Riyadh", "2026-03-02", "2026-03-01T21:00", "2026-03-02T21:00"),
        ("Africa/Cairo", "2026-04-24", "2026-04-23T22:00", "2026-04-24T21:00"),  # no midnight
        ("America/Havana", "2025-11-02", "2025-11-02T04:00", "2025-11-03T05:00"),  # two of them
        ("Europe/Berlin", "2026-10-25", "2026-10-24T22:00", "2026-10-25T23:00"),
        ("Pacific/Kiritimati", "2026-03-02", "2026-03-01T10:00", "2026-03-02T10:00"),
    ],
)
async def test_the_day_is_that_of_the_academys_zone(
    zone: str, day: str, first: str, last: str
) -> None:
    academy = await make.academy()
    await Academy.filter(id=academy.id).update(timezone=zone)
    teacher, student = await make.teacher(academy), await make.student(academy)
    start, end = (datetime.fromisoformat(one).replace(tzinfo=UTC) for one in (first, last))
    second = timedelta(seconds=1)
    rows = [
        await make.session(academy, teacher, student=student, at=when, now=start - 50 * second)
        for when in (start - second, start, end - second, end)
    ]
    admin = await admin_of(academy)
    found = await cancel_day(admin, academy.id, day, None, start - 40 * second)
    assert [row.id for row in found] == [rows[1].id, rows[2].id]


async def test_a_teacher_may_name_themselves(asker: Asker, there: Scene) -> None:
    themselves = there.id("teacher")
    assert await cancelled(there, asker, "teacher", teacher=themselves) == [there["mine"].id]
