"""The academy's own system upserts groups, and the rosters of their sessions follow."""

import asyncio
from datetime import timedelta
from typing import Any

from actions.clock.sweep import advance_due
from domain.attendance.fold import Presence
from models import Group, MeetingAttendance, Membership, SessionParticipant, User
from tests.support import make
from tests.support.asking import Asker, code, payload
from tests.support.livekit_events import Room, Stay, send
from tests.support.scene import Scene, dump
from tests.support.ticking import told
from tests.support.upserts import refusals, upsert_groups


def circle(there: Scene, *members: str, **values: Any) -> dict[str, Any]:
    """The scene's own circle, with these members."""
    named = {
        "externalId": there["circle"].external_id,
        "academyId": there.id("academy"),
        "kind": "CIRCLE",
        "name": "Dawn",
    }
    enrolled = [{"userExternalId": there[name].external_id, "via": "ENROLMENT"} for name in members]
    return named | {"members": enrolled} | values


async def test_the_same_external_id_again_is_an_update(asker: Asker, there: Scene) -> None:
    wish = circle(
        there, "student", externalId="new", teacherExternalId=there["teacher"].external_id
    )
    first = payload(await upsert_groups(asker, there["admin"], wish))
    assert first["groups"][0] | {"id": ""} == {
        "id": "",
        "externalId": "new",
        "name": "Dawn",
        "kind": "CIRCLE",
        "teacher": {"externalId": there["teacher"].external_id},
        "members": {
            "nodes": [
                {
                    "user": {"externalId": there["student"].external_id},
                    "via": "ENROLMENT",
                    "activeFrom": None,
                    "activeUntil": None,
                }
            ]
        },
    }
    before = await dump()
    assert payload(await upsert_groups(asker, there["admin"], wish)) == first
    assert {name: len(rows) for name, rows in (await dump()).items()} == {
        name: len(rows) for name, rows in before.items()
    }


async def test_a_teacher_left_out_is_kept_and_null_clears(asker: Asker, there: Scene) -> None:
    kept = payload(await upsert_groups(asker, there["admin"], circle(there)))["groups"][0]
    assert kept["teacher"] == {"externalId": there["teacher"].external_id}
    wish = circle(there, teacherExternalId=None)
    cleared = payload(await upsert_groups(asker, there["admin"], wish))["groups"][0]
    assert cleared["teacher"] is None


async def test_one_bad_group_and_none_is_stored_and_each_is_told_its_path(
    asker: Asker, there: Scene
) -> None:
    before = await dump()
    twice = [{"userExternalId": there["student"].external_id, "via": "ENROLMENT"}] * 2
    answer = await upsert_groups(
        asker,
        there["admin"],
        circle(there, "student", externalId="good"),
        circle(there, name=" "),
        circle(there, externalId=""),
        circle(there, externalId="a", teacherExternalId="nobody"),
        circle(there, externalId="b", teacherExternalId=there["student"].external_id),
        circle(there, "student", "foreign_student", externalId="c"),
        circle(there, "student", "teacher", externalId="d"),
        circle(there, externalId="e", members=twice),
        circle(there, academyId=there.id("foreign_academy")),
    )
    assert refusals(answer) == [
        ("INVALID_INPUT", ["groups", "1", "name"]),
        ("INVALID_INPUT", ["groups", "2", "externalId"]),
        ("NOT_FOUND", ["groups", "3", "teacherExternalId"]),
        ("NOT_FOUND", ["groups", "4", "teacherExternalId"]),
        ("NOT_FOUND", ["groups", "5", "members", "1", "userExternalId"]),
        ("NOT_FOUND", ["groups", "6", "members", "1", "userExternalId"]),
        ("INVALID_INPUT", ["groups", "7", "members", "1", "userExternalId"]),
        ("NOT_FOUND", ["groups", "8", "academyId"]),
    ]
    assert await dump() == before


async def test_at_most_five_hundred_at_once(asker: Asker, there: Scene) -> None:
    many = [circle(there, externalId=f"g{n}") for n in range(501)]
    assert refusals(await upsert_groups(asker, there["admin"], *many)) == [
        ("INVALID_INPUT", ["groups"])
    ]


async def test_the_rosters_of_future_and_live_sessions_follow(asker: Asker, there: Scene) -> None:
    tomorrow = await make.session(
        there["academy"], there["teacher"], group=there["circle"], at=there.now + timedelta(days=1)
    )
    joined_at = there.now + timedelta(minutes=1)
    await send(
        Room(there["mine"], there.now).joined(Stay(there["classmate"], joined_at)), joined_at
    )
    payload(await upsert_groups(asker, there["admin"], circle(there, "stranger")))
    teacher, classmate, stranger = (there[n].id for n in ("teacher", "classmate", "stranger"))
    assert await roster(tomorrow.id) == {teacher: False, stranger: True}
    # A participant who joined stays on the roster, but is no longer expected.
    assert await roster(there["mine"].id) == {teacher: False, classmate: False, stranger: True}
    inside = await MeetingAttendance.filter(presence=Presence.IN_MEETING)
    assert len(inside) == 1
    assert (await told(tomorrow.id))[-3:] == [
        "PRESENCE_CHANGED",
        "PRESENCE_REMOVED",
        "PRESENCE_REMOVED",
    ]
    assert await roster(there["others"].id) == {
        there["colleague"].id: False,
        stranger: True,
    }


async def test_a_session_that_is_over_keeps_its_roster(asker: Asker, there: Scene) -> None:
    await advance_due(there.now + timedelta(hours=2))
    before = await roster(there["mine"].id)
    payload(await upsert_groups(asker, there["admin"], circle(there, "stranger")))
    assert await roster(there["mine"].id) == before


async def test_a_membership_counts_where_it_covers_the_start(asker: Asker, there: Scene) -> None:
    start = there["mine"].scheduled_at
    dated = [("student", None, start), ("classmate", start, None), ("stranger", None, None)]
    members = [
        {
            "userExternalId": there[name].external_id,
            "via": "SUBSCRIPTION",
            "activeFrom": since and since.isoformat(),
            "activeUntil": until and until.isoformat(),
        }
        for name, since, until in dated
    ]
    payload(await upsert_groups(asker, there["admin"], circle(there, members=members)))
    expected = [row for row, is_expected in (await roster(there["mine"].id)).items() if is_expected]
    assert expected == [there["classmate"].id, there["stranger"].id]


async def roster(session_id: int) -> dict[int, bool]:
    rows = await SessionParticipant.filter(session_id=session_id).order_by("user_id")
    return {row.user_id: row.is_expected for row in rows}


async def test_two_equal_upserts_at_once_are_one(asker: Asker, there: Scene) -> None:
    wishes = [
        circle(there, "student", "stranger"),
        circle(there, "student", "classmate", externalId="new"),
    ]
    answers = await asyncio.gather(
        *(
            upsert_groups(asker, there["admin"], *rows)
            for rows in (wishes, wishes[::-1], wishes, wishes[::-1])
        )
    )
    assert [code(answer) for answer in answers] == [None] * 4
    assert await Group.filter(external_id="new").count() == 1
    members = await Membership.filter(group_id=there["circle"].id, is_removed=False)
    names = {(await User.get(id=row.user_id)).external_id for row in members}
    assert len(members) == 2
    assert names == {there["student"].external_id, there["stranger"].external_id}


async def test_the_same_key_twice_in_a_list_is_refused_at_the_second(
    asker: Asker, there: Scene
) -> None:
    before = await dump()
    wishes = [circle(there), circle(there) | {"externalId": "other"}, circle(there)]
    answer = await upsert_groups(asker, there["admin"], *wishes)
    assert refusals(answer) == [("INVALID_INPUT", ["groups", "2", "externalId"])]
    assert await dump() == before


async def test_the_same_key_for_two_academies_is_two_groups(asker: Asker, there: Scene) -> None:
    wish = circle(there)
    elsewhere = wish | {
        "academyId": there.id("foreign_academy"),
        "members": [],
        "teacherExternalId": None,
    }
    answer = payload(await upsert_groups(asker, there["super"], wish, elsewhere))
    assert len({group["id"] for group in answer["groups"]}) == 2
