"""Lists by keyset are whole, in order and bounded; nodes are found by their ids."""

from datetime import timedelta

import pytest

from domain.cursors import list_cursor
from models import Session, User
from schema.types.ids import Kind, encode
from tests.support import make
from tests.support.asking import Asker, code, payload
from tests.support.lists import ATTENDANCES, GROUPS, LATEST, SESSIONS, USERS, ids
from tests.support.scene import Scene

# --- pages


async def pages(asker: Asker, as_: User, query: str, first: int) -> list[list[str]]:
    found: list[list[str]] = []
    after = None
    while True:
        answer = await asker.ask(query, as_, filter={}, first=first, after=after)
        page = payload(answer)
        found.append([edge["node"]["id"] for edge in page["edges"]])
        assert [node["id"] for node in page["nodes"]] == found[-1]
        info = page["pageInfo"]
        cursors = [edge["cursor"] for edge in page["edges"]]
        assert (info["startCursor"], info["endCursor"]) == (cursors[0], cursors[-1])
        assert info["hasPreviousPage"] is (after is not None)
        if not info["hasNextPage"]:
            return found
        after = info["endCursor"]


@pytest.mark.parametrize("query", [USERS, GROUPS, SESSIONS, LATEST, ATTENDANCES])
@pytest.mark.parametrize("first", [1, 2, 3, 100])
async def test_pages_put_together_are_the_list(
    asker: Asker, there: Scene, query: str, first: int
) -> None:
    whole = await ids(asker, there["admin"], query)
    assert len(whole) >= 2
    found = await pages(asker, there["admin"], query, first)
    assert [id for page in found for id in page] == whole
    assert all(len(page) == first for page in found[:-1])


async def test_sessions_come_by_their_start_also_where_they_start_together(
    asker: Asker, there: Scene
) -> None:
    starts = [3, 1, 2, 1, 3, 1]
    for days in starts:
        await make.session(
            there["academy"],
            there["teacher"],
            student=there["student"],
            at=there.now + timedelta(days=days),
        )
    rows = await Session.filter(academy_id=there["academy"].id)
    rows.sort(key=lambda row: (row.scheduled_at, row.id))
    expected = [encode(Kind.SESSION, row.id) for row in rows]
    upwards = await pages(asker, there["admin"], SESSIONS, 2)
    assert [id for page in upwards for id in page] == expected
    downwards = await pages(asker, there["admin"], LATEST, 2)
    assert [id for page in downwards for id in page] == expected[::-1]


async def test_a_row_made_between_two_pages_repeats_and_skips_nothing(
    asker: Asker, there: Scene
) -> None:
    first = payload(await asker.ask(SESSIONS, there["admin"], filter={}, first=1))
    await make.session(
        there["academy"], there["teacher"], student=there["student"], at=there.now, now=there.now
    )
    after = first["pageInfo"]["endCursor"]
    rest = payload(await asker.ask(SESSIONS, there["admin"], filter={}, after=after))
    assert [there.name(node["id"]) for node in first["nodes"] + rest["nodes"]] == ["mine", "others"]


@pytest.mark.parametrize("query", [USERS, GROUPS, SESSIONS, ATTENDANCES])
async def test_a_page_has_at_most_a_hundred_and_twenty_unless_asked(
    asker: Asker, there: Scene, query: str
) -> None:
    admin = there["admin"]
    for first in (-1, 101, 2**31 - 1):
        assert code(await asker.ask(query, admin, filter={}, first=first)) == "INVALID_INPUT"
    empty = payload(await asker.ask(query, admin, filter={}, first=0))
    assert (empty["nodes"], empty["pageInfo"]["hasNextPage"]) == ([], True)
    assert empty["pageInfo"]["endCursor"] is None


async def test_a_page_has_twenty_rows_by_default(asker: Asker, there: Scene) -> None:
    for _ in range(25):
        await make.student(there["academy"])
    page = payload(await asker.ask(USERS, there["admin"]))
    assert (len(page["nodes"]), page["pageInfo"]["hasNextPage"]) == (20, True)


@pytest.mark.parametrize(
    "after",
    [
        "nonsense",
        "",
        "\U0001f600",
        list_cursor("2026-03-02"),
        list_cursor("2026-03-02T11:00:00", 1),
        list_cursor("2026-03-02T11:00:00+00:00"),
        list_cursor(1, 2, 3),
        list_cursor(2**31),
        list_cursor(2**63),
        list_cursor(-(2**40)),
        list_cursor("2026-03-02T11:00:00+00:00", 2**63),
    ],
)
@pytest.mark.parametrize("query", [USERS, SESSIONS])
async def test_a_cursor_that_is_none_of_ours_is_refused(
    asker: Asker, there: Scene, query: str, after: str
) -> None:
    assert code(await asker.ask(query, there["admin"], after=after)) == "INVALID_INPUT"


# --- by id


NODES = "query ($ids: [ID!]!) { nodes(ids: $ids) { id __typename } }"


async def test_nodes_come_in_the_order_asked_with_null_for_what_there_is_not(
    asker: Asker, there: Scene
) -> None:
    wanted = ["student", "mine", "circle", "academy", "attendance", "student"]
    asked = [there.id(name) for name in wanted]
    asked[3:3] = ["nonsense", there.id("foreign_student"), encode(Kind.USER, 2**31 - 1), ""]
    found = payload(await asker.ask(NODES, there["admin"], ids=asked))
    kinds = [node and node["__typename"] for node in found]
    assert kinds == [
        "User",
        "QuranSession",
        "Group",
        None,
        None,
        None,
        None,
        "Academy",
        "Attendance",
        "User",
    ]
    assert [node["id"] for node in found if node] == [there.id(name) for name in wanted]


async def test_at_most_a_hundred_nodes_at_once(asker: Asker, there: Scene) -> None:
    one = there.id("student")
    assert len(payload(await asker.ask(NODES, there["admin"], ids=[one] * 100))) == 100
    assert code(await asker.ask(NODES, there["admin"], ids=[one] * 101)) == "INVALID_INPUT"
    assert payload(await asker.ask(NODES, there["admin"], ids=[])) == []


async def test_a_person_not_signed_in_gets_unauthenticated_for_every_field(
    asker: Asker, there: Scene
) -> None:
    assert code(await asker.ask(NODES, ids=[])) == "UNAUTHENTICATED"
    assert code(await asker.ask(NODES, ids=["x"] * 101)) == "UNAUTHENTICATED"
    for query in (USERS, GROUPS, SESSIONS, ATTENDANCES):
        assert code(await asker.ask(query, filter={}, first=1000)) == "UNAUTHENTICATED"
    nothing = ["mutation { cancelSession(sessionId: %s) { errors { code } } }"]
    nothing += ["mutation { createMeetingToken(input: {sessionId: %s}) { errors { code } } }"]
    nothing += ["mutation { updateVideoSettings(academyId: %s, input: {}) { errors { code } } }"]
    nothing += ["mutation { updateAttendancePolicy(academyId: %s, input: {}) { errors { code } } }"]
    nothing += ["mutation { changeSessionStatus(sessionId: %s, to: READY) { errors { code } } }"]
    for mutation in nothing:
        assert code(await asker.ask(mutation % '"nonsense"')) == "UNAUTHENTICATED"
