"""Refused tokens: for which people and when; the session tells the same reason beforehand."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

import clock
from actions.academies.group_upsert import GroupEntry, MemberInput, upsert_groups
from domain.access import UserRole
from domain.session import GroupKind, MembershipSource
from domain.status import SessionStatus
from models import Academy, Membership, Session, User
from tests.conftest import Database
from tests.support import make
from tests.support.asking import Asker, code, payload
from tests.support.livekit_events import Room, Stay, send
from tests.support.scene import Scene, scene
from tests.support.tokens import TOKEN, asking_with_stub, joinable_from, refusal


@pytest.fixture
async def there(database: Database) -> Scene:
    return await scene(clock.now().replace(microsecond=0))


@pytest.fixture
async def asker(there: Scene) -> AsyncIterator[Asker]:
    async with asking_with_stub() as (asker, _):
        yield asker


async def test_a_stranger_is_told_nothing_and_an_insider_why(asker: Asker, there: Scene) -> None:
    assert await refusal(asker, there, "stranger") == "NOT_FOUND"
    assert await refusal(asker, there, "colleague") == "NOT_FOUND"
    assert await refusal(asker, there, "foreign_admin") == "NOT_FOUND"
    await Membership.filter(user_id=there["student"].id).delete()
    assert await refusal(asker, there, "student") == "FORBIDDEN"
    assert await refusal(asker, there, "parent") == "FORBIDDEN"
    assert await refusal(asker, there, "classmate") is None


async def test_a_student_who_left_the_group_gets_no_token(asker: Asker, there: Scene) -> None:
    joined_at = there.now + timedelta(minutes=1)
    came = Stay(there["classmate"], joined_at)
    await send(Room(there["mine"], there.now).joined(came), joined_at)
    await replace_members(there, [])
    assert await refusal(asker, there, "student") == "NOT_FOUND"  # no line of theirs, so no row
    assert await refusal(asker, there, "parent") == "NOT_FOUND"
    assert await refusal(asker, there, "classmate") == "NOT_FOUND"  # the row is hidden
    assert await refusal(asker, there, "teacher") is None


async def test_a_student_put_into_the_group_can_join_at_once(asker: Asker, there: Scene) -> None:
    assert await refusal(asker, there, "stranger") == "NOT_FOUND"
    await replace_members(there, [member(there, "stranger")])
    assert await refusal(asker, there, "stranger") is None
    assert await refusal(asker, there, "others_parent") is None


@pytest.mark.parametrize(
    ("starts", "ends", "expected"),
    [(None, None, None), (-1, 1, None), (None, -1, "NOT_FOUND"), (1, None, "NOT_FOUND")],
)
async def test_a_subscription_lets_in_while_it_lasts(
    asker: Asker, there: Scene, starts: int | None, ends: int | None, expected: str | None
) -> None:
    at = there["mine"].scheduled_at
    subscribed = MemberInput(
        there["stranger"].external_id,
        MembershipSource.SUBSCRIPTION,
        None if starts is None else at + timedelta(days=starts),
        None if ends is None else at + timedelta(days=ends),
    )
    await replace_members(there, [subscribed])
    assert await refusal(asker, there, "stranger") == expected


async def test_a_membership_that_covers_the_start_lasts_until_the_session_is_over(
    asker: Asker, there: Scene
) -> None:
    start = there["mine"].scheduled_at
    mine = Membership.filter(user_id=there["student"].id)
    await mine.update(
        active_from=there.now + timedelta(minutes=1), active_until=start + timedelta(minutes=10)
    )
    for who in ("student", "parent"):
        assert await refusal(asker, there, who) is None  # it covers the start
        assert await refusal(asker, there, who, now=start + timedelta(minutes=9)) is None
        for minutes in (10, 59):
            now = start + timedelta(minutes=minutes)
            assert await refusal(asker, there, who, now=now) is None
    assert await refusal(asker, there, "student", now=start + timedelta(hours=2)) == "SESSION_OVER"


async def test_another_membership_may_start_where_one_ends(asker: Asker, there: Scene) -> None:
    half = there["mine"].scheduled_at + timedelta(minutes=30)
    student = there["student"]
    await Membership.filter(user_id=student.id).update(active_until=half)
    await Membership.create(
        group_id=there["circle"].id,
        user_id=student.id,
        via=MembershipSource.SUBSCRIPTION,
        active_from=half,
    )
    for minutes in (29, 30, 31):
        now = there["mine"].scheduled_at + timedelta(minutes=minutes)
        assert await refusal(asker, there, "student", now=now) is None


async def test_the_assignee_of_a_private_session_and_their_parent_join_it_and_nobody_else(
    asker: Asker, there: Scene
) -> None:
    at = there.now + timedelta(minutes=5)
    session = await make.session(
        there["academy"], there["teacher"], student=there["student"], at=at, now=there.now
    )
    there.rows["session"] = session
    assert await refusal(asker, there, "student", "session") is None
    assert await refusal(asker, there, "parent", "session") is None
    assert await refusal(asker, there, "classmate", "session") == "NOT_FOUND"
    assert await refusal(asker, there, "others_parent", "session") == "NOT_FOUND"


async def test_a_former_parent_has_no_right_through_their_children(
    asker: Asker, there: Scene
) -> None:
    await User.filter(id=there["others_parent"].id).update(role=UserRole.STUDENT)
    there.rows["others_parent"] = await User.get(id=there["others_parent"].id)
    assert await refusal(asker, there, "others_parent") == "NOT_FOUND"


def member(there: Scene, who: str) -> MemberInput:
    return MemberInput(there[who].external_id, MembershipSource.ENROLMENT, None, None)


async def replace_members(there: Scene, members: list[MemberInput]) -> None:
    circle = there["circle"]
    plan = GroupEntry(
        circle.external_id,
        circle.academy_id,
        GroupKind.CIRCLE,
        circle.name,
        None,
        True,
        members,
    )
    await upsert_groups(make.viewer(there["admin"]), [plan], there.now)


async def test_a_session_that_is_not_open_yet_says_from_when(asker: Asker, there: Scene) -> None:
    at = there.now + timedelta(hours=2)
    there.rows["later"] = await make.session(
        there["academy"], there["teacher"], group=there["circle"], at=at, now=there.now
    )
    for who in ("super", "admin", "teacher", "student", "parent"):
        assert await refusal(asker, there, who, "later") == "NOT_JOINABLE_YET"
    assert await joinable_from(asker, there, "later") == at - timedelta(minutes=10)
    # Asking for a token opens the session at its minute, without the clock.
    opens = at - timedelta(minutes=10)
    almost = opens - timedelta(seconds=1)
    assert await refusal(asker, there, "student", "later", now=almost) == "NOT_JOINABLE_YET"
    answer = await asker.ask(TOKEN, there["student"], now=opens, id=there.id("later"))
    assert payload(answer)["token"]["roomEnsured"] is True


async def test_a_session_that_a_person_opened_early_says_since_when(
    asker: Asker, there: Scene
) -> None:
    at = there.now + timedelta(hours=2)
    there.rows["later"] = await make.session(
        there["academy"], there["teacher"], group=there["circle"], at=at, now=there.now
    )
    change = "mutation ($id: ID!) { changeSessionStatus(sessionId: $id, to: READY) "
    change += "{ errors { code } } }"
    payload(await asker.ask(change, there["admin"], now=there.now, id=there.id("later")))
    assert await joinable_from(asker, there, "later") == there.now
    assert await refusal(asker, there, "student", "later") is None


@pytest.mark.parametrize(
    "status", [SessionStatus.COMPLETED, SessionStatus.CANCELLED, SessionStatus.ABSENT]
)
async def test_a_session_that_is_over_admits_nobody(
    asker: Asker, there: Scene, status: SessionStatus
) -> None:
    over = {"status": status, "next_transition_at": None}
    await Session.filter(id=there["mine"].id).update(**over)
    for who in ("super", "admin", "supervisor", "teacher", "student", "parent"):
        assert await refusal(asker, there, who) == "SESSION_OVER"
    assert await joinable_from(asker, there, "mine") is None


async def test_a_session_the_clock_forgot_to_end_is_over_all_the_same(
    asker: Asker, there: Scene
) -> None:
    late = there.now + timedelta(minutes=5 + 60 + 5)
    assert await refusal(asker, there, "student", now=late) == "SESSION_OVER"
    assert (await Session.get(id=there["mine"].id)).status is SessionStatus.COMPLETED


async def test_a_stranger_does_not_even_wake_an_overdue_session(asker: Asker, there: Scene) -> None:
    late = there.now + timedelta(minutes=70)
    answer = await asker.ask(TOKEN, there["stranger"], now=late, id=there.id("mine"))
    assert code(answer) == "NOT_FOUND"
    assert (await Session.get(id=there["mine"].id)).status is SessionStatus.READY


async def test_an_inactive_academy_admits_nobody(asker: Asker, there: Scene) -> None:
    await Academy.filter(id=there["academy"].id).update(is_active=False)
    for who in ("super", "admin", "teacher", "student", "parent"):
        assert await refusal(asker, there, who) == "ACADEMY_INACTIVE"
    assert await refusal(asker, there, "super", "foreign") is None


async def test_a_full_room_admits_only_who_is_in_it_and_who_manages_it(
    asker: Asker, there: Scene
) -> None:
    options = (await Session.get(id=there["mine"].id)).meeting_options or {}
    await Session.filter(id=there["mine"].id).update(
        meeting_options=options | {"maxParticipants": 1}
    )
    assert await refusal(asker, there, "student") is None
    joined_at = there.now + timedelta(minutes=1)
    room = Room(there["mine"], there.now)
    stay = Stay(there["classmate"], joined_at)
    await send(room.joined(stay), joined_at)
    assert await refusal(asker, there, "student") == "ROOM_FULL"
    assert await refusal(asker, there, "parent") == "ROOM_FULL"
    assert await refusal(asker, there, "classmate") is None  # a second device, or back after a cut
    assert await refusal(asker, there, "teacher") is None
    await send(room.left(stay, joined_at + timedelta(seconds=5)), joined_at + timedelta(seconds=5))
    assert await refusal(asker, there, "student") is None
