"""A list's totalCount: all rows of the list as it is filtered, whatever part of it is read."""

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from domain.access import UserRole
from domain.attendance.fold import AttendanceStatus
from models import Session, SessionParticipant, User
from schema.types.ids import Kind, encode
from tests.conftest import Database
from tests.support import make
from tests.support.asking import SCHEMA, Asker, payload
from tests.support.attendance_rows import store
from tests.support.lists import ATTENDANCES, GROUPS, SESSIONS, USERS, ids
from tests.support.scene import Scene
from tests.support.statements import counting

LISTS = {"users": USERS, "groups": GROUPS, "sessions": SESSIONS, "attendances": ATTENDANCES}
COUNTED = {"User", "Group", "Session", "Attendance"}


def with_total(query: str) -> str:
    return query.replace("nodes {", "totalCount nodes {")


async def total(asker: Asker, as_: User, query: str, **variables: Any) -> Any:
    return payload(await asker.ask(with_total(query), as_, **{"filter": {}} | variables))


@pytest.mark.parametrize("who", ["super", "admin", "supervisor", "teacher", "student", "parent"])
@pytest.mark.parametrize("field", LISTS)
async def test_it_is_the_number_of_all_rows_that_the_viewer_may_read(
    asker: Asker, there: Scene, field: str, who: str
) -> None:
    query, viewer = LISTS[field], there[who]
    whole = await ids(asker, viewer, query)
    assert whole
    assert (await total(asker, viewer, query, first=0))["totalCount"] == len(whole)
    first = await total(asker, viewer, query, first=1)
    rest = await total(asker, viewer, query, first=1, after=first["edges"][0]["cursor"])
    assert first["totalCount"] == rest["totalCount"] == len(whole)


@pytest.mark.parametrize(
    ("field", "filter"),
    [
        ("users", {"roles": ["STUDENT"]}),
        ("users", {"search": "student"}),
        ("users", {"search": "nobody"}),
        ("groups", {"kinds": ["CIRCLE"]}),
        ("groups", {"search": "circle"}),
        ("sessions", {"search": "teacher"}),
        ("sessions", {"localDate": "2026-03-02"}),
        ("sessions", {"localDate": "2026-03-03"}),
        ("sessions", {"statuses": []}),
        ("attendances", {"roles": ["TEACHER"]}),
        ("attendances", {"needsReview": False, "isFinal": False}),
        ("attendances", {"statuses": ["PRESENT"]}),
    ],
)
async def test_it_counts_by_the_same_filter(
    asker: Asker, there: Scene, field: str, filter: dict[str, Any]
) -> None:
    for who in ("admin", "teacher"):
        found = await ids(asker, there[who], LISTS[field], **filter)
        told = await total(asker, there[who], LISTS[field], first=1, filter=filter)
        assert told["totalCount"] == len(found)


async def test_the_student_of_a_filter_is_counted_as_the_viewer_sees(
    asker: Asker, there: Scene
) -> None:
    filter = {"studentId": there.id("classmate")}
    for who, number in (("admin", 1), ("teacher", 1), ("student", 0)):
        told = await total(asker, there[who], SESSIONS, first=1, filter=filter)
        assert told["totalCount"] == number


@pytest.mark.parametrize("field", LISTS)
async def test_it_is_counted_only_when_it_is_asked_for(
    asker: Asker, there: Scene, field: str
) -> None:
    numbers = []
    for query in (LISTS[field], with_total(LISTS[field])):
        with counting() as sent:
            payload(await asker.ask(query, there["admin"], filter={}, first=1))
        numbers.append(sum("COUNT(" in statement for statement in sent))
    assert numbers == [0, 1]


STUCK = "{ stuckSessions(first: 1) { totalCount nodes { id } } }"


async def test_stuck_sessions_count_themselves(asker: Asker, there: Scene) -> None:
    later = there.now + timedelta(hours=1)
    stuck = payload(
        await asker.ask(STUCK.replace("first: 1", "first: 100"), there["admin"], now=later)
    )
    assert stuck["totalCount"] == len(stuck["nodes"]) > 1
    for who, number in (("admin", stuck["totalCount"]), ("teacher", 0)):
        told = payload(await asker.ask(STUCK, there[who], now=later))
        assert (told["totalCount"], len(told["nodes"])) == (number, min(number, 1))
    everywhere = payload(await asker.ask(STUCK, there["super"], now=later))
    assert everywhere["totalCount"] > stuck["totalCount"]


NESTED = """query ($first: Int) {
  sessions(first: $first) { nodes { id
    all: attendances(first: 1) { totalCount }
    present: attendances(first: 1, status: PRESENT) { totalCount }
  } }
}"""
HISTORIES = """query ($first: Int, $to: DateTime) {
  users(first: $first) { nodes { id
    all: attendanceHistory(first: 0) { totalCount }
    early: attendanceHistory(first: 0, to: $to) { totalCount }
  } }
}"""


async def test_nested_lists_are_counted_for_each_viewer(asker: Asker, there: Scene) -> None:
    before = there.now - timedelta(days=2)
    await make.session(there["academy"], there["teacher"], group=there["circle"], at=before)
    for name in ("attendance", "others_attendance"):
        await store(there[name], status=AttendanceStatus.PRESENT)
    present = {"admin": 2, "teacher": 1, "student": 1, "parent": 1}
    early = {"admin": 3, "teacher": 3, "student": 1, "parent": 1}
    for who in ("admin", "teacher", "student", "parent"):
        rows = await SessionParticipant.visible_to(make.viewer(there[who]))
        by_session = Counter(encode(Kind.SESSION, row.session_id) for row in rows)
        sessions = payload(await asker.ask(NESTED, there[who], first=100))["nodes"]
        assert {one["id"]: one["all"]["totalCount"] for one in sessions} == by_session
        assert sum(one["present"]["totalCount"] for one in sessions) == present[who]
        by_user = Counter(encode(Kind.USER, row.user_id) for row in rows)
        until: dict[str, Any] = {"first": 100, "to": (there.now - timedelta(days=1)).isoformat()}
        users = payload(await asker.ask(HISTORIES, there[who], **until))["nodes"]
        assert {one["id"]: n for one in users if (n := one["all"]["totalCount"])} == by_user
        assert sum(one["early"]["totalCount"] for one in users) == early[who]
        assert max(one["early"]["totalCount"] for one in users) == 1


async def test_many_nested_lists_are_counted_by_one_statement(
    asker: Asker, database: Database
) -> None:
    academy = await make.academy()
    admin = await make.user(academy, UserRole.ACADEMY_ADMIN)
    teacher = await make.teacher(academy)
    for day in range(6):
        student = await make.student(academy)
        at = make.ELEVEN + timedelta(days=day + 1)
        await make.session(academy, teacher, student=student, at=at)
    assert await Session.all().count() == 6
    for query in (NESTED, HISTORIES):
        variables: Any = {"to": make.ELEVEN.isoformat()} if query is HISTORIES else {}
        numbers = []
        for first in (2, 6):
            with counting() as sent:
                payload(await asker.ask(query, admin, first=first, **variables))
            assert len([one for one in sent if "COUNT(" in one]) == 2  # one for each condition
            numbers.append(len(sent))
        assert numbers[0] == numbers[1]


async def test_no_other_list_has_one() -> None:
    kinds = {
        name.removesuffix("Connection")
        for name, kind in SCHEMA._schema.type_map.items()
        if name.endswith("Connection") and "totalCount" in getattr(kind, "fields", {})
    }
    assert kinds == COUNTED
