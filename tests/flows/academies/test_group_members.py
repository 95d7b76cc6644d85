"""Members are added to a group and removed from it one by one, and the rosters follow."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest

from actions.academies import group_members
from models import Membership, Session, SessionParticipant
from tests.support import make
from tests.support.asking import Answer, Asker, code, payload
from tests.support.livekit_events import Room, Stay, send
from tests.support.scene import Scene, dump
from tests.support.upserts import refusals, upsert_groups

LISTED = "{ id members { nodes { user { externalId } via activeFrom activeUntil } } }"
ADD = f"""
mutation ($group: ID!, $members: [AddGroupMemberInput!]!) {{
  addGroupMembers(groupId: $group, members: $members) {{
    group {LISTED} errors {{ code field }}
  }}
}}
"""
REMOVE = f"""
mutation ($group: ID!, $users: [ID!]!) {{
  removeGroupMembers(groupId: $group, userIds: $users) {{
    group {LISTED} errors {{ code field }}
  }}
}}
"""


async def add(
    asker: Asker, there: Scene, *members: dict[str, Any], by: str = "supervisor", **wish: Any
) -> Answer:
    named: dict[str, Any] = {"now": there.now, "group": there.id("circle")} | wish
    return await asker.ask(ADD, there[by], members=list(members), **named)


async def remove(
    asker: Asker, there: Scene, *users: str, by: str = "supervisor", **wish: Any
) -> Answer:
    named: dict[str, Any] = {"now": there.now, "group": there.id("circle")} | wish
    return await asker.ask(REMOVE, there[by], users=list(users), **named)


def by_id(there: Scene, who: str, **values: Any) -> dict[str, Any]:
    return {"userId": there.id(who), "via": "ENROLMENT"} | values


def members(answer: Answer, there: Scene) -> dict[tuple[str, str], tuple[str | None, str | None]]:
    """The dates of each membership, by the person's name in the scene and the way."""
    names = {getattr(row, "external_id", None): name for name, row in there.rows.items()}
    return {
        (names[one["user"]["externalId"]], one["via"]): (one["activeFrom"], one["activeUntil"])
        for one in payload(answer)["group"]["members"]["nodes"]
    }


async def roster(session: Session) -> dict[int, bool]:
    rows = await SessionParticipant.filter(session_id=session.id).order_by("user_id")
    return {row.user_id: row.is_expected for row in rows}


async def test_students_are_added_by_id_or_external_id_and_the_others_stay(
    asker: Asker, there: Scene
) -> None:
    subscribed = {"userExternalId": there["stranger"].external_id, "via": "SUBSCRIPTION"}
    until = (there.now + timedelta(days=30)).isoformat()
    dated = by_id(there, "student", via="SUBSCRIPTION", activeUntil=until)
    answer = await add(asker, there, subscribed, dated)
    listed = members(answer, there)
    assert set(listed) == {
        ("student", "ENROLMENT"),
        ("classmate", "ENROLMENT"),
        ("stranger", "SUBSCRIPTION"),
        ("student", "SUBSCRIPTION"),
    }
    ends = listed["student", "SUBSCRIPTION"][1]
    assert ends is not None
    assert datetime.fromisoformat(ends) == there.now + timedelta(days=30)
    assert (await roster(there["mine"]))[there["stranger"].id] is True


async def test_the_dates_of_a_member_are_set_and_null_is_no_bound(
    asker: Asker, there: Scene
) -> None:
    tomorrow = (there.now + timedelta(days=1)).isoformat()
    first = await add(asker, there, by_id(there, "student", activeUntil=tomorrow))
    assert members(first, there)["student", "ENROLMENT"][1] is not None
    again = await add(asker, there, by_id(there, "student", activeFrom=None, activeUntil=None))
    assert members(again, there)["student", "ENROLMENT"] == (None, None)
    before = await dump()
    payload(await add(asker, there, by_id(there, "student")))
    assert await dump() == before


async def test_one_bad_member_and_none_is_added_and_each_is_told_its_path(
    asker: Asker, there: Scene
) -> None:
    before = await dump()
    external_id = there["stranger"].external_id
    answer = await add(
        asker,
        there,
        by_id(there, "stranger"),
        {"userExternalId": external_id, "via": "ENROLMENT"},
        by_id(there, "stranger", via="SUBSCRIPTION"),
        by_id(there, "stranger"),
        {"via": "ENROLMENT"},
        by_id(there, "stranger", userExternalId=external_id),
        by_id(there, "foreign_student"),
        by_id(there, "teacher"),
        {"userExternalId": "nobody", "via": "ENROLMENT"},
        {"userId": "nonsense", "via": "ENROLMENT"},
    )
    assert refusals(answer) == [
        ("INVALID_INPUT", ["members", "1", "userExternalId"]),
        ("INVALID_INPUT", ["members", "3", "userId"]),
        ("INVALID_INPUT", ["members", "4", "userId"]),
        ("INVALID_INPUT", ["members", "5", "userId"]),
        ("NOT_FOUND", ["members", "6", "userId"]),
        ("NOT_FOUND", ["members", "7", "userId"]),
        ("NOT_FOUND", ["members", "8", "userExternalId"]),
        ("NOT_FOUND", ["members", "9", "userId"]),
    ]
    assert await dump() == before


async def test_lists_are_bounded_and_a_group_has_a_most_of_members(
    asker: Asker, there: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = [by_id(there, "stranger")] * 501
    for answer in (await add(asker, there), await add(asker, there, *many)):
        assert refusals(answer) == [("INVALID_INPUT", ["members"])]
    for users in ([], [there.id("student")] * 501):
        assert refusals(await remove(asker, there, *users)) == [("INVALID_INPUT", ["userIds"])]
    monkeypatch.setattr(group_members, "GROUP_MAX_MEMBERS", 2)
    full = await add(asker, there, by_id(there, "stranger"))
    assert refusals(full) == [("INVALID_INPUT", ["members"])]
    payload(await add(asker, there, by_id(there, "student", via="SUBSCRIPTION")))
    payload(await remove(asker, there, there.id("student")))
    payload(await add(asker, there, by_id(there, "stranger")))


async def test_who_is_removed_is_not_listed_any_more_and_their_row_says_so(
    asker: Asker, there: Scene
) -> None:
    payload(await add(asker, there, by_id(there, "student", via="SUBSCRIPTION")))
    tomorrow = await make.session(
        there["academy"], there["teacher"], group=there["circle"], at=there.now + timedelta(days=1)
    )
    answer = await remove(asker, there, there.id("student"))
    assert set(members(answer, there)) == {("classmate", "ENROLMENT")}
    kept = await Membership.filter(group_id=there["circle"].id, user_id=there["student"].id)
    assert [(row.is_removed, row.withdrawn_at) for row in kept] == [(True, there.now)] * 2
    for session in (there["mine"], tomorrow):
        assert set(await roster(session)) == {there["teacher"].id, there["classmate"].id}


async def test_a_teacher_sees_no_student_who_was_removed_from_their_group(
    asker: Asker, there: Scene
) -> None:
    payload(await add(asker, there, by_id(there, "student"), group=there.id("others_circle")))
    users = "{ users(first: 100) { nodes { id } } }"
    for is_seen in (True, False):
        found = payload(await asker.ask(users, there["teacher"]))["nodes"]
        assert ({"id": there.id("student")} in found) is is_seen
        payload(await remove(asker, there, there.id("student")))
    found = payload(await asker.ask(users, there["colleague"]))["nodes"]
    assert {"id": there.id("student")} in found


async def test_who_is_removed_in_class_keeps_a_row_for_what_they_attended(
    asker: Asker, there: Scene
) -> None:
    joined_at = there.now + timedelta(minutes=1)
    stay = Stay(there["student"], joined_at)
    await send(Room(there["mine"], there.now).joined(stay), joined_at)
    payload(await remove(asker, there, there.id("student"), there.id("classmate")))
    teacher, student = there["teacher"].id, there["student"].id
    assert await roster(there["mine"]) == {teacher: False, student: False}


async def test_removing_again_is_success_and_who_never_was_a_member_is_not_found(
    asker: Asker, there: Scene
) -> None:
    student = there.id("student")
    first = payload(await remove(asker, there, student, student))
    before = await dump()
    again = await remove(asker, there, student, now=there.now + timedelta(minutes=1))
    assert payload(again) == first
    assert await dump() == before
    wrong = await remove(
        asker, there, there.id("classmate"), there.id("stranger"), there.id("foreign_student"), "x"
    )
    assert refusals(wrong) == [("NOT_FOUND", ["userIds", str(n)]) for n in (1, 2, 3)]
    assert await dump() == before


async def test_who_was_removed_in_class_is_expected_again_only_with_a_date_before_it(
    asker: Asker, there: Scene
) -> None:
    teacher, student = there["teacher"].id, there["student"].id
    running = there.now + timedelta(minutes=10)
    payload(await remove(asker, there, there.id("student"), there.id("classmate"), now=running))
    payload(await add(asker, there, by_id(there, "student"), now=running))
    assert await roster(there["mine"]) == {teacher: False, student: False}
    dated = by_id(there, "student", activeFrom=there["mine"].scheduled_at.isoformat())
    payload(await add(asker, there, dated, now=running))
    assert await roster(there["mine"]) == {teacher: False, student: True}


@pytest.mark.parametrize("way", ["added", "upserted"])
async def test_who_was_removed_becomes_a_member_anew(asker: Asker, there: Scene, way: str) -> None:
    payload(await remove(asker, there, there.id("student"), there.id("classmate")))
    later = there.now + timedelta(minutes=1)
    if way == "added":
        payload(await add(asker, there, by_id(there, "student"), now=later))
    else:
        circle = there["circle"]
        enrolled = {"userExternalId": there["student"].external_id, "via": "ENROLMENT"}
        group = {
            "externalId": circle.external_id,
            "academyId": there.id("academy"),
            "kind": "CIRCLE",
            "name": "Dawn",
            "members": [enrolled],
        }
        payload(await upsert_groups(asker, there["admin"], group))
    assert await Membership.filter(group_id=there["circle"].id, withdrawn_at=None).count() == 1
    row = await Membership.get(group_id=there["circle"].id, user_id=there["student"].id)
    assert (row.is_removed, row.withdrawn_at) == (False, None)
    assert row.member_since is not None
    assert await roster(there["mine"]) == {there["teacher"].id: False, there["student"].id: True}


async def test_removing_and_upserting_at_once_do_not_wait_for_each_other(
    asker: Asker, there: Scene
) -> None:
    answers = await asyncio.gather(
        add(asker, there, by_id(there, "stranger"), by_id(there, "student", via="SUBSCRIPTION")),
        remove(asker, there, there.id("student"), there.id("classmate")),
        add(asker, there, by_id(there, "student"), by_id(there, "stranger"), by="admin"),
        remove(asker, there, there.id("classmate"), there.id("student"), by="admin"),
    )
    assert [code(answer) for answer in answers] == [None] * 4


@pytest.mark.parametrize("hours", [0, -1])
async def test_a_membership_that_ends_before_it_begins_is_refused(
    asker: Asker, there: Scene, hours: int
) -> None:
    dates = {
        "activeFrom": there.now.isoformat(),
        "activeUntil": (there.now + timedelta(hours=hours)).isoformat(),
    }
    before = await dump()
    answer = await add(asker, there, by_id(there, "student"), by_id(there, "stranger", **dates))
    assert refusals(answer) == [("INVALID_INPUT", ["members", "1", "activeUntil"])]
    group = {
        "academyId": there.id("academy"),
        "externalId": "new",
        "kind": "CIRCLE",
        "name": "Dawn",
        "members": [
            {"userExternalId": there["student"].external_id, "via": "ENROLMENT"},
            {"userExternalId": there["stranger"].external_id, "via": "ENROLMENT"} | dates,
        ],
    }
    answer = await upsert_groups(asker, there["admin"], group)
    assert refusals(answer) == [("INVALID_INPUT", ["groups", "0", "members", "1", "activeUntil"])]
    assert await dump() == before
