"""Lists nested in many rows are read together, and each row gets its own page."""

from typing import Any

import pytest

from domain.access import UserRole
from models import User
from tests.support import make
from tests.support.asking import Asker, asking, code, payload
from tests.support.classrooms import at, ready
from tests.support.livekit_events import send
from tests.support.statements import counting

pytestmark = pytest.mark.usefixtures("database")

ATTENDANCES = "attendances(first: 2) { nodes { id user { id } } }"
HISTORY = "history(first: 2) { nodes { sequence } }"
EVENTS = "attendances(first: 2) { nodes { events(first: 2) { nodes { kind } } } }"
PERMISSIONS = "viewerPermissions { canJoin canManage }"


async def classes(number: int) -> tuple[User, User]:
    """So many sessions of one circle, on as many days; their teacher and the supervisor."""
    academy = await make.academy()
    teacher = await make.teacher(academy)
    circle = await make.group(academy, teacher, *[await make.student(academy) for _ in range(3)])
    for day in range(number):
        await make.session(academy, teacher, group=circle, at=at(60 * 24 * (day + 1)))
    return teacher, await make.user(academy, UserRole.SUPERVISOR)


@pytest.mark.parametrize("nested", [ATTENDANCES, HISTORY, EVENTS, PERMISSIONS])
async def test_twenty_sessions_take_as_many_statements_as_two(nested: str) -> None:
    _, supervisor = await classes(20)
    numbers = []
    async with asking() as asker:
        for first in (2, 20):
            question = f"{{ sessions(first: {first}) {{ nodes {{ id {nested} }} }} }}"
            with counting() as sent:
                assert len(payload(await asker.ask(question, supervisor))["nodes"]) == first
            numbers.append(len(sent))
    assert numbers[0] == numbers[1]


async def nested(asker: Asker, viewer: User, field: str) -> list[dict[str, Any]]:
    question = f"{{ sessions {{ nodes {{ list: {field} }} }} }}"
    answer = payload(await asker.ask(question, viewer))
    return [node["list"] for node in answer["nodes"]]


PAGE = "{ nodes { user { id } } edges { cursor } pageInfo { hasNextPage hasPreviousPage } }"


async def test_each_session_has_its_own_page_and_its_own_next() -> None:
    _, supervisor = await classes(2)
    async with asking() as asker:
        whole = await nested(asker, supervisor, f"attendances {PAGE}")
        assert [len(page["nodes"]) for page in whole] == [4, 4]
        first = await nested(asker, supervisor, f"attendances(first: 3) {PAGE}")
        for page, all_ in zip(first, whole, strict=True):
            assert page["nodes"] == all_["nodes"][:3]
            assert page["pageInfo"] == {"hasNextPage": True, "hasPreviousPage": False}
        after = first[0]["edges"][-1]["cursor"]
        rest = await nested(asker, supervisor, f'attendances(first: 3, after: "{after}") {PAGE}')
        assert rest[0]["nodes"] == whole[0]["nodes"][3:]
        assert rest[0]["pageInfo"] == {"hasNextPage": False, "hasPreviousPage": True}
        assert rest[1]["nodes"] == whole[1]["nodes"][:3]
        none = await nested(asker, supervisor, f"attendances(first: 0) {PAGE}")
        assert [page["nodes"] for page in none] == [[], []]
        absent = await nested(asker, supervisor, f"attendances(status: ABSENT) {PAGE}")
        assert [page["nodes"] for page in absent] == [[], []]


@pytest.mark.parametrize("arguments", ["first: 101", 'after: "nonsense"'])
async def test_a_page_that_cannot_be_is_refused_for_itself(arguments: str) -> None:
    _, supervisor = await classes(1)
    async with asking() as asker:
        question = f"{{ sessions {{ nodes {{ attendances({arguments}) {{ nodes {{ id }} }} }} }} }}"
        assert code(await asker.ask(question, supervisor)) == "INVALID_INPUT"


EVIDENCE = """{ sessions { nodes { attendances { nodes {
  user { databaseId } events(first: 3) { nodes { kind } pageInfo { hasNextPage } } } } } } }"""


async def test_evidence_is_ones_own_and_the_rooms_in_order() -> None:
    classroom = await ready(2)
    first, second = (classroom.stay(minute, who) for minute, who in enumerate(classroom.students))
    await send(classroom.room.started(), at(-9))
    await send(classroom.room.joined(first), at(0))
    await send(classroom.room.joined(second), at(1))
    await send(classroom.room.left(first, at(2)), at(2))
    await send(classroom.room.finished(at(3)), at(3))
    async with asking() as asker:
        answer = payload(await asker.ask(EVIDENCE, classroom.teacher, now=at(4)))
        (session,) = answer["nodes"]
        told = {one["user"]["databaseId"]: one["events"] for one in session["attendances"]["nodes"]}
        kinds = {who: [node["kind"] for node in page["nodes"]] for who, page in told.items()}
        assert kinds[first.user.id] == ["ROOM_STARTED", "JOINED", "LEFT"]
        assert kinds[second.user.id] == ["ROOM_STARTED", "JOINED", "ROOM_FINISHED"]
        assert told[first.user.id]["pageInfo"] == {"hasNextPage": True}
        assert told[second.user.id]["pageInfo"] == {"hasNextPage": False}
        answer = payload(await asker.ask(EVIDENCE, classroom.student, now=at(4)))
        (own,) = answer["nodes"][0]["attendances"]["nodes"]
        assert own["events"]["nodes"] == []
