"""Filters find rows, and never widen what a viewer may see."""

from datetime import timedelta

import pytest

from actions.writing.search_words import write_words
from domain.session import GroupKind, SessionKind
from models import User
from schema.types.ids import Kind, encode
from tests.conftest import Database
from tests.support import make
from tests.support.asking import Asker, code
from tests.support.lists import ATTENDANCES, GROUPS, SESSIONS, USERS, ids, names
from tests.support.scene import Scene


async def test_users_are_filtered(asker: Asker, there: Scene) -> None:
    student = there["student"]
    student.first_name, student.last_name = "Zaynab", "100% al-Ali"
    await student.save()
    await write_words([student])
    await User.filter(id=there["stranger"].id).update(is_active=False)
    found = {
        "role": await names(asker, there, USERS, roles=["TEACHER", "SUPERVISOR"]),
        "key": await names(asker, there, USERS, externalIds=[student.external_id, "nobody"]),
        "gone": await names(asker, there, USERS, isActive=False),
        "name": await names(asker, there, USERS, search="ali zayn"),
        "case": await names(asker, there, USERS, search="ZAYNAB"),
        "email": await names(asker, there, USERS, search="Others_parent@"),
        "middle": await names(asker, there, USERS, search="aynab"),
        "percent": await names(asker, there, USERS, search="100%"),
        "wildcard": await names(asker, there, USERS, search="_aynab"),
        "both": await names(asker, there, USERS, search="zaynab", roles=["PARENT"]),
        "empty": await names(asker, there, USERS, roles=[]),
    }
    assert found == {
        "role": {"teacher", "colleague", "supervisor"},
        "key": {"student"},
        "gone": {"stranger"},
        "name": {"student"},
        "case": {"student"},
        "email": {"others_parent"},
        "middle": set(),
        "percent": {"student"},
        "wildcard": set(),
        "both": set(),
        "empty": set(),
    }


async def test_groups_are_filtered(asker: Asker, there: Scene) -> None:
    there.rows["course"] = await make.group(
        there["academy"], there["teacher"], kind=GroupKind.COURSE, external_id="c1"
    )
    teacher = there.id("teacher")
    assert await names(asker, there, GROUPS, kinds=["COURSE"]) == {"course"}
    assert await names(asker, there, GROUPS, externalIds=["c1"]) == {"course"}
    assert await names(asker, there, GROUPS, teacherId=teacher) == {"course", "circle"}
    assert await names(asker, there, GROUPS, teacherId=teacher, kinds=["CIRCLE"]) == {"circle"}


async def test_sessions_are_filtered(asker: Asker, there: Scene) -> None:
    there.rows["later"] = later = await make.session(
        there["academy"],
        there["teacher"],
        student=there["stranger"],
        at=there.now + timedelta(days=2),
        external_id="L1",
        kind=SessionKind.ACADEMIC,
    )
    moment = later.scheduled_at.isoformat()
    found = {
        "teacher": await names(asker, there, SESSIONS, teacherId=there.id("teacher")),
        "student": await names(asker, there, SESSIONS, studentId=there.id("stranger")),
        "group": await names(asker, there, SESSIONS, groupId=there.id("circle")),
        "key": await names(asker, there, SESSIONS, externalIds=["L1", "L2"]),
        "kind": await names(asker, there, SESSIONS, kinds=["ACADEMIC"]),
        "status": await names(asker, there, SESSIONS, statuses=["READY", "ONGOING"]),
        "meeting": await names(asker, there, SESSIONS, hasMeeting=False),
        "from": await names(asker, there, SESSIONS, **{"from": moment}),
        "to": await names(asker, there, SESSIONS, to=moment),
        "null": await names(asker, there, SESSIONS, to=None, kinds=None, teacherId=None),
    }
    assert found == {
        "teacher": {"mine", "later"},
        "student": {"others", "later"},
        "group": {"mine"},
        "key": {"later"},
        "kind": {"later"},
        "status": {"mine", "others"},
        "meeting": {"later"},
        "from": {"later"},
        "to": {"mine", "others"},
        "null": {"mine", "others", "later"},
    }


async def test_attendances_are_filtered(asker: Asker, there: Scene) -> None:
    mine = {"attendance", "classmates_attendance", "teachers_attendance"}
    found = {
        "session": await names(asker, there, ATTENDANCES, sessionId=there.id("mine")),
        "user": await names(asker, there, ATTENDANCES, userId=there.id("student")),
        "teacher": await names(asker, there, ATTENDANCES, teacherId=there.id("teacher")),
        "group": await names(asker, there, ATTENDANCES, groupId=there.id("circle")),
        "roles": await names(asker, there, ATTENDANCES, roles=["TEACHER"]),
        "kind": await names(asker, there, ATTENDANCES, kinds=["ACADEMIC"]),
        "final": await names(asker, there, ATTENDANCES, isFinal=True),
        "status": await names(asker, there, ATTENDANCES, statuses=["PRESENT"]),
    }
    assert found == {
        "session": mine,
        "user": {"attendance"},
        "teacher": mine,
        "group": mine,
        "roles": {"teachers_attendance", "colleagues_attendance"},
        "kind": set(),
        "final": set(),
        "status": set(),
    }


@pytest.mark.parametrize("query", [USERS, GROUPS, SESSIONS, ATTENDANCES])
async def test_an_id_that_names_nothing_finds_nothing(
    asker: Asker, there: Scene, query: str
) -> None:
    assert await names(asker, there, query, academyId=there.id("academy"))
    nothing = ["", "nonsense", there.id("student"), there.id("foreign_academy")]
    for bad in [*nothing, encode(Kind.ACADEMY, 2**31 - 1)]:
        assert await names(asker, there, query, academyId=bad) == set()
    for bad in ("", "nonsense", there.id("student")):  # not even those who are of no academy
        assert await names(asker, there, query, who="super", academyId=bad) == set()
    if query is not ATTENDANCES:
        everywhere = await names(asker, there, query, who="super")
        own = await names(asker, there, query, who="super", academyId=there.id("academy"))
        assert own < everywhere


async def test_a_filter_has_its_limits(asker: Asker, there: Scene) -> None:
    many = [f"s{n}" for n in range(501)]
    for query in (USERS, GROUPS, SESSIONS):
        answer = await asker.ask(query, there["admin"], filter={"externalIds": many})
        assert code(answer) == "INVALID_INPUT"
        assert await ids(asker, there["admin"], query, externalIds=many[:500]) == []
        for search in ("a" * 201, "a " * 9):
            answer = await asker.ask(query, there["admin"], filter={"search": search})
            assert code(answer) == "INVALID_INPUT"
            assert answer["errors"][0]["extensions"]["field"] == ["filter", "search"]
        assert code(await asker.ask(query, there["admin"], filter={"search": "a " * 8})) is None


async def test_a_filter_does_not_tell_a_student_who_else_is_in_their_session(
    asker: Asker, database: Database
) -> None:
    academy = await make.academy()
    teacher, one, other = [
        await make.teacher(academy),
        await make.student(academy),
        await make.student(academy),
    ]
    session = await make.session(
        academy, teacher, group=await make.group(academy, teacher, one, other)
    )
    found = [encode(Kind.SESSION, session.id)]
    for asking_, about, seen in (
        (one, one, found),
        (one, other, []),
        (teacher, other, found),
    ):
        wanted = encode(Kind.USER, about.id)
        assert await ids(asker, asking_, SESSIONS, studentId=wanted) == seen
