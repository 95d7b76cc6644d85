"""Memberships that begin, run out, or are taken away while a class runs: who may still come."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from actions.academies.group_members import NewMember, add_group_members, remove_group_members
from actions.attendance.final_result import finalise_attendance
from actions.clock.sweep import advance_due
from actions.writing.memberships import Dates
from domain.session import MembershipSource
from domain.status import SessionStatus
from models import Membership, Session, SessionParticipant
from tests.conftest import Database
from tests.support import make
from tests.support.asking import Asker, code, payload
from tests.support.livekit_events import Room, Stay, send
from tests.support.scene import Scene, scene
from tests.support.tokens import asking_with_stub, refusal, token
from tests.support.watching import ROSTER

EVENTS = "subscription ($id: ID!) { sessionEvents(sessionId: $id) { sequence } }"
ROW = """
subscription ($id: ID!, $user: ID!) { attendance(sessionId: $id, userId: $user) { version } }
"""
SESSIONS = "{ sessions(first: 100) { nodes { id } } }"
NODE = "query ($id: ID!) { node(id: $id) { id } }"
GROUPS = "{ groups { nodes { id } } }"
ATTENDANCES = "{ attendances(filter: {}) { nodes { user { id } isExpected status } } }"
REPORT = "mutation ($id: ID!) { reportJoin(sessionId: $id) { errors { code } } }"


@pytest.fixture
async def there(database: Database) -> Scene:
    """Twenty minutes into `mine`, which is ONGOING."""
    there = await scene()
    now = there["mine"].scheduled_at + timedelta(minutes=20)
    await advance_due(now)
    there.rows["mine"] = await Session.get(id=there["mine"].id)
    assert there["mine"].status is SessionStatus.ONGOING
    return Scene(there.rows, now)


@pytest.fixture
async def asker(there: Scene) -> AsyncIterator[Asker]:
    async with asking_with_stub() as (asker, _):
        yield asker


async def add(
    there: Scene, who: str, *, starts: datetime | None = None, ends: datetime | None = None
) -> None:
    member = NewMember(there[who].id, None, MembershipSource.ENROLMENT, Dates(starts, ends))
    await add_group_members(make.viewer(there["admin"]), there["circle"].id, [member], there.now)


async def remove(there: Scene, who: str) -> None:
    viewer, group_id = make.viewer(there["admin"]), there["circle"].id
    await remove_group_members(viewer, group_id, [there[who].id], there.now)


async def reach(asker: Asker, there: Scene, who: str, child: str) -> dict[str, Any]:
    """Ask for everything of `mine` that needs a right, and tell what this person gets."""
    person, now, id = there[who], there.now, there.id("mine")
    listed = payload(await asker.ask(SESSIONS, person, now=now))["nodes"]
    node = await asker.ask(NODE, person, now=now, id=id)
    events = await asker.first_event(EVENTS, person, now=now, id=id)
    row = await asker.first_event(ROW, person, now=now, id=id, user=there.id(child))
    groups = payload(await asker.ask(GROUPS, person, now=now))["nodes"]
    return {
        "token": await refusal(asker, there, who),
        "lists": {"id": id} in listed,
        "node": payload(node) is not None,
        "events": code(events),
        "row": code(row),
        "group": {"id": there.id("circle")} in groups,
    }


EVERYTHING = {
    "token": None,
    "lists": True,
    "node": True,
    "events": None,
    "row": None,
    "group": True,
}
NOTHING = {
    "token": "NOT_FOUND",
    "lists": False,
    "node": False,
    "events": "NOT_FOUND",
    "row": "NOT_FOUND",
    "group": False,
}


async def test_who_becomes_a_member_in_class_may_come_at_once_and_so_may_their_parent(
    asker: Asker, there: Scene
) -> None:
    await Membership.filter(user_id=there["stranger"].id).delete()  # of the other circle
    for who in ("stranger", "others_parent"):
        before = await reach(asker, there, who, "stranger")
        expected = NOTHING if who == "stranger" else before | {"token": None, "row": "NOT_FOUND"}
        assert before == expected  # that parent's other child is in the class
    await add(there, "stranger")
    for who in ("stranger", "others_parent"):
        assert await reach(asker, there, who, "stranger") == EVERYTHING
    grant = (await token(asker, there, "others_parent"))["permissions"]
    assert (grant["canSubscribe"], grant["canPublish"]) == (True, False)
    assert code(await asker.ask(REPORT, there["stranger"], now=there.now, id=there.id("mine"))) is (
        None
    )
    roster = await asker.first_event(
        ROSTER, there["stranger"], now=there.now, session=there.id("mine")
    )
    assert code(roster) == "NOT_FOUND"


async def test_nobody_is_blamed_for_what_was_before_they_were_a_member(
    asker: Asker, there: Scene
) -> None:
    await add(there, "stranger")
    over = there["mine"].ends_at + timedelta(minutes=30)
    await advance_due(over)
    await finalise_attendance(there["mine"].id, over)
    rows = payload(await asker.ask(ATTENDANCES, there["stranger"], now=over))["nodes"]
    mine = [row for row in rows if row["user"]["id"] == there.id("stranger")]
    row = await SessionParticipant.get(session_id=there["mine"].id, user_id=there["stranger"].id)
    assert not row.is_expected
    assert [one["status"] for one in mine if not one["isExpected"]] == [None]
    statistics = "query ($id: ID!) { session(id: $id) { attendanceStatistics { expected } } }"
    told = payload(await asker.ask(statistics, there["admin"], now=over, id=there.id("mine")))
    assert told["attendanceStatistics"]["expected"] == 2


async def test_a_membership_that_begins_by_its_date_lets_in_from_then(
    asker: Asker, there: Scene
) -> None:
    starts = there.now + timedelta(minutes=10)
    await add(there, "stranger", starts=starts)
    assert await refusal(asker, there, "stranger", now=starts - timedelta(seconds=1)) == "FORBIDDEN"
    assert await refusal(asker, there, "stranger", now=starts) is None


async def test_a_membership_that_is_said_to_cover_the_start_makes_expected(
    asker: Asker, there: Scene
) -> None:
    await add(there, "stranger", starts=there["mine"].scheduled_at - timedelta(days=7))
    row = await SessionParticipant.get(session_id=there["mine"].id, user_id=there["stranger"].id)
    assert row.is_expected


async def test_a_membership_that_runs_out_in_class_lasts_until_it_is_over(
    asker: Asker, there: Scene
) -> None:
    await add(there, "student", ends=there.now + timedelta(minutes=1))
    later = Scene(there.rows, there.now + timedelta(minutes=30))
    for who in ("student", "parent"):
        assert await reach(asker, later, who, "student") == EVERYTHING
    assert (await SessionParticipant.get(id=there["attendance"].id)).is_expected
    # The list is sent again after it ran out: nobody took anything away.
    circle, ends = there["circle"], there.now + timedelta(minutes=1)
    member = NewMember(there["student"].id, None, MembershipSource.ENROLMENT, Dates(None, ends))
    await add_group_members(make.viewer(there["admin"]), circle.id, [member], later.now)
    assert await refusal(asker, later, "student") is None


async def test_a_membership_that_ran_out_in_class_and_is_renewed_stays_expected(
    asker: Asker, there: Scene
) -> None:
    await add(there, "student", ends=there.now + timedelta(minutes=1))
    later = Scene(there.rows, there.now + timedelta(minutes=2))
    await add(later, "student", ends=later.now + timedelta(days=30))
    assert await refusal(asker, later, "student") is None
    assert (await SessionParticipant.get(id=there["attendance"].id)).is_expected


async def test_who_renews_in_class_what_had_run_out_before_is_not_expected(
    asker: Asker, there: Scene
) -> None:
    ran_out = there["mine"].scheduled_at - timedelta(days=1)
    circle = await make.group(there["academy"], there["teacher"])
    there.rows["circle"] = circle
    await Membership.create(
        group_id=circle.id,
        user_id=there["student"].id,
        via=MembershipSource.ENROLMENT,
        active_until=ran_out,
    )
    session = await make.session(
        there["academy"], there["teacher"], group=circle, at=there["mine"].scheduled_at
    )
    await add(there, "student")
    row = await SessionParticipant.get(session_id=session.id, user_id=there["student"].id)
    assert not row.is_expected


@pytest.mark.parametrize("act", ["removed", "ended now", "ended before"])
async def test_what_a_person_takes_away_ends_at_once(asker: Asker, there: Scene, act: str) -> None:
    assert await reach(asker, there, "student", "student") == EVERYTHING
    if act == "removed":
        await remove(there, "student")
    else:
        before = timedelta() if act == "ended now" else timedelta(minutes=5)
        await add(there, "student", ends=there.now - before)
    for who in ("student", "parent"):
        assert await reach(asker, there, who, "student") == NOTHING
    row = await Membership.get(group_id=there["circle"].id, user_id=there["student"].id)
    assert (row.withdrawn_at, row.is_removed) == (there.now, act == "removed")
    listed = "query ($id: ID!) { node(id: $id) { ... on Group { members { nodes { via } } } } }"
    found = payload(await asker.ask(listed, there["admin"], id=there.id("circle")))
    assert len(found["members"]["nodes"]) == (1 if act == "removed" else 2)


async def test_what_is_taken_away_from_who_came_keeps_their_row_and_no_right(
    asker: Asker, there: Scene
) -> None:
    stay = Stay(there["student"], there.now)
    await send(Room(there["mine"], there.now).joined(stay), there.now)
    await remove(there, "student")
    assert await refusal(asker, there, "student") == "NOT_FOUND"
    assert not (await SessionParticipant.get(id=there["attendance"].id)).is_expected


async def test_a_class_that_gets_another_time_is_judged_by_it(asker: Asker, there: Scene) -> None:
    """Its start is ahead again: who became a member meanwhile is expected as all are."""
    at = there.now + timedelta(hours=3)
    later = await make.session(
        there["academy"], there["teacher"], group=there["circle"], at=at, now=there.now
    )
    await add(there, "stranger", starts=at + timedelta(minutes=10))
    row = await SessionParticipant.get(session_id=later.id, user_id=there["stranger"].id)
    assert not row.is_expected
    move = "mutation ($id: ID!, $at: DateTime!) { rescheduleSession(sessionId: $id, "
    move += "scheduledAt: $at) { errors { code } } }"
    there.rows["later"] = later
    moved = (at + timedelta(minutes=30)).isoformat()
    payload(await asker.ask(move, there["admin"], now=there.now, id=there.id("later"), at=moved))
    assert (await SessionParticipant.get(id=row.id)).is_expected
