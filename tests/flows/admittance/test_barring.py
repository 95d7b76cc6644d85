"""People are barred from or added to one session: their tokens, the room, and what they see."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

import clock
from actions.admittance import barring, participants
from actions.sessions.session_update import update_session
from domain.attendance.state import AttendanceState
from domain.errors import DomainError, ErrorCode
from domain.session import WorkKind
from models import DueWork, Session, SessionParticipant, User
from models.attendance_json import state_from_json, state_to_json
from tests.conftest import Database
from tests.support import make
from tests.support.asking import Asker, code, payload
from tests.support.livekit_events import Room, Stay, send
from tests.support.livekit_stub import LiveKitStub
from tests.support.scene import Scene, scene
from tests.support.tokens import TOKEN, asking_with_stub, refusal, token

BARRED = """
query ($id: ID!) { session(id: $id) {
  barred { id displayName } attendances(first: 100) { nodes { isBarred user { id } } }
} }
"""
ADD = """
mutation ($id: ID!, $user: ID!) {
  addParticipant(sessionId: $id, userId: $user) { session { id } errors { code field } }
}
"""
UNBAR = """
mutation ($id: ID!, $user: ID!) {
  unbarParticipant(sessionId: $id, userId: $user) { session { id } errors { code field } }
}
"""


@pytest.fixture
async def there(database: Database) -> Scene:
    return await scene(clock.now().replace(microsecond=0))


@pytest.fixture
async def both(there: Scene) -> AsyncIterator[tuple[Asker, LiveKitStub]]:
    async with asking_with_stub() as found:
        yield found


@pytest.fixture
def asker(both: tuple[Asker, LiveKitStub]) -> Asker:
    return both[0]


async def bar(there: Scene, who: str, by: str = "teacher") -> SessionParticipant:
    await barring.bar_participant(
        make.viewer(there[by]), there["mine"].id, there[who].id, there.now
    )
    return await SessionParticipant.get(session_id=there["mine"].id, user_id=there[who].id)


async def plans(row: SessionParticipant) -> bool:
    return await DueWork.exists(kind=WorkKind.REMOVE_PERSON, subject=row.id)


async def test_a_barred_student_and_their_parent_get_no_token_but_the_code_barred(
    asker: Asker, there: Scene
) -> None:
    row = await bar(there, "student")
    assert (row.barred_at, row.barred_by_id) == (there.now, there["teacher"].id)
    assert await refusal(asker, there, "student") == "BARRED"
    assert await refusal(asker, there, "parent") == "BARRED"
    assert await refusal(asker, there, "classmate") is None
    answer = await asker.ask(
        UNBAR, there["teacher"], now=there.now, id=there.id("mine"), user=there.id("student")
    )
    payload(answer)
    assert await refusal(asker, there, "student") is None
    assert await refusal(asker, there, "parent") is None


async def test_a_child_who_may_come_lets_the_parent_in(asker: Asker, there: Scene) -> None:
    row = await SessionParticipant.get(session_id=there["mine"].id, user_id=there["student"].id)
    sibling = await make.student(there["academy"])
    there.rows["family"] = await make.parent(there["academy"], there["student"], sibling)
    await participants.add_participant(
        make.viewer(there["admin"]), row.session_id, sibling.id, there.now
    )
    await bar(there, "student")
    assert await refusal(asker, there, "family") is None


async def test_only_those_who_manage_the_session_see_who_is_barred(
    asker: Asker, there: Scene
) -> None:
    await bar(there, "student")
    for who, seen in (("teacher", True), ("admin", True), ("student", False), ("parent", False)):
        told = payload(await asker.ask(BARRED, there[who], now=there.now, id=there.id("mine")))
        assert [user["id"] for user in told["barred"]] == [there.id("student")] * seen
        rows = {row["user"]["id"]: row["isBarred"] for row in told["attendances"]["nodes"]}
        assert rows[there.id("student")] is True


async def test_a_barred_person_is_removed_under_every_name_they_had(
    both: tuple[Asker, LiveKitStub], there: Scene
) -> None:
    asker, stub = both
    name = str((await Session.get(id=there["mine"].id)).room_name)
    found = await token(asker, there, "student")
    stub.enter(name, found["participantIdentity"])
    stub.enter(name, f"{there['student'].id}_Former_Name")
    stub.enter(name, f"{there['student'].id}1_Somebody_Else")
    row = await bar(there, "student")
    assert await plans(row)
    livekit = asker.process.venue.livekit
    await barring.remove_person(livekit, row.id, there.now)
    assert list(stub.people[name]) == [f"{there['student'].id}1_Somebody_Else"]
    await barring.remove_person(livekit, row.id, there.now)  # already gone: a success


async def test_a_person_unbarred_before_the_removal_stays_in_the_room(
    both: tuple[Asker, LiveKitStub], there: Scene
) -> None:
    asker, stub = both
    name = str((await Session.get(id=there["mine"].id)).room_name)
    found = await token(asker, there, "student")
    stub.enter(name, found["participantIdentity"])
    row = await bar(there, "student")
    viewer = make.viewer(there["teacher"])
    await barring.unbar_participant(viewer, there["mine"].id, there["student"].id, there.now)
    await barring.remove_person(asker.process.venue.livekit, row.id, there.now)
    assert list(stub.people[name]) == [found["participantIdentity"]]


async def test_no_room_is_a_success(both: tuple[Asker, LiveKitStub], there: Scene) -> None:
    asker, _ = both
    row = await bar(there, "student")
    await barring.remove_person(asker.process.venue.livekit, row.id, there.now)


async def test_a_barred_person_who_joins_with_an_old_token_is_removed_again(
    database: Database, there: Scene
) -> None:
    row = await bar(there, "student")
    await DueWork.filter(kind=WorkKind.REMOVE_PERSON).delete()
    at = there.now + timedelta(minutes=1)
    room = Room(await Session.get(id=there["mine"].id), there.now)
    await send(room.joined(Stay(there["classmate"], at)), at)
    assert not await plans(row)
    await send(room.joined(Stay(there["student"], at)), at)
    assert await plans(row)


async def test_managers_of_a_session_cannot_be_barred_from_it(there: Scene) -> None:
    for who in ("teacher", "admin", "supervisor"):
        with pytest.raises(DomainError) as refused:
            await bar(there, who, by="admin")
        assert refused.value.code is ErrorCode.FORBIDDEN
        assert refused.value.field == ("userId",)
    for by, expected in (("super", "FORBIDDEN"), ("admin", "NOT_FOUND")):  # whom they do not see
        with pytest.raises(DomainError) as refused:
            await bar(there, "super", by=by)
        assert refused.value.code == expected
    assert not await SessionParticipant.filter(barred_at__isnull=False).exists()


async def test_a_barred_person_does_not_become_the_substitute(there: Scene) -> None:
    await bar(there, "colleague", by="admin")
    admin, mine = make.viewer(there["admin"]), there["mine"]
    values: dict[str, Any] = {"title": "Surat Maryam"}
    values["teacher_id"] = there["colleague"].id
    with pytest.raises(DomainError) as refused:
        await update_session(admin, mine.id, values, there.now)
    assert (refused.value.code, refused.value.field) == (ErrorCode.BARRED, ("teacherId",))
    row = await Session.get(id=mine.id)
    assert (row.teacher_id, row.title) == (there["teacher"].id, mine.title)
    await barring.unbar_participant(admin, mine.id, there["colleague"].id, there.now)
    assert (await update_session(admin, mine.id, values, there.now)).title == "Surat Maryam"


@pytest.mark.parametrize("who", ["student", "teacher"])
async def test_who_may_not_be_there_any_more_starts_no_class_with_an_old_token(
    there: Scene, who: str
) -> None:
    at, room = there.now, Room(await Session.get(id=there["mine"].id), there.now)
    await bar(there, "classmate")
    await User.filter(id=there[who].id).update(is_active=False)
    for name in ("classmate", who):
        await send(room.joined(Stay(there[name], at)), at)
        assert (await Session.get(id=there["mine"].id)).status == "READY", name
    await User.filter(id=there[who].id).update(is_active=True)
    await send(room.joined(Stay(there[who], at, "PA_again")), at)
    assert (await Session.get(id=there["mine"].id)).status == "ONGOING"


async def test_only_managers_of_a_session_may_bar(there: Scene) -> None:
    for by, expected in (("student", "FORBIDDEN"), ("colleague", "NOT_FOUND")):
        with pytest.raises(DomainError) as refused:
            await bar(there, "classmate", by=by)
        assert refused.value.code == expected


async def test_a_state_stored_before_there_was_barring_can_be_read(there: Scene) -> None:
    state = AttendanceState(
        participant_id=1, session_id=1, user_id=1, role=there["student"].role, is_expected=True
    )
    stored = state_to_json(state)
    del stored["is_barred"]
    assert state_from_json(stored) == state


async def test_an_added_person_can_see_and_join_the_session_and_is_not_expected(
    asker: Asker, there: Scene
) -> None:
    for who in ("colleague", "stranger"):
        assert await refusal(asker, there, who) == "NOT_FOUND"
        answer = await asker.ask(
            ADD, there["admin"], now=there.now, id=there.id("mine"), user=there.id(who)
        )
        assert payload(answer)["session"]["id"] == there.id("mine")
        assert await refusal(asker, there, who) is None
        row = await SessionParticipant.get(session_id=there["mine"].id, user_id=there[who].id)
        assert (row.is_added, row.is_expected) == (True, False)
    assert await refusal(asker, there, "others_parent") is None  # a parent of the stranger
    assert not (await token(asker, there, "colleague"))["permissions"]["roomAdmin"]


async def test_a_teacher_adds_only_people_whom_they_may_read(asker: Asker, there: Scene) -> None:
    key = await User.get(id=there["access_key"].user_id)
    there.rows["key"] = key
    for by, nobodies in (
        ("teacher", ("stranger", "colleague", "admin", "supervisor", "super", "key", "parent")),
        ("admin", ("key", "super", "foreign_student")),
    ):
        for who in nobodies:
            user = there.id(who)
            answer = await asker.ask(ADD, there[by], now=there.now, id=there.id("mine"), user=user)
            (error,) = answer["data"]["addParticipant"]["errors"]
            assert error == {"code": "NOT_FOUND", "field": ["userId"]}, (by, who)
            if by == "teacher":
                with pytest.raises(DomainError) as refused:
                    await bar(there, who)
                assert refused.value.code is ErrorCode.NOT_FOUND
    assert not await SessionParticipant.filter(is_added=True).exists()
    assert not await SessionParticipant.filter(barred_at__isnull=False).exists()
    theirs = await make.student(there["academy"])
    await make.group(there["academy"], there["teacher"], theirs)
    there.rows["theirs"] = theirs
    answer = await asker.ask(
        ADD, there["teacher"], now=there.now, id=there.id("mine"), user=there.id("theirs")
    )
    payload(answer)


async def test_who_was_only_added_is_not_one_of_the_teachers_people(
    asker: Asker, there: Scene
) -> None:
    answer = await asker.ask(
        ADD, there["admin"], now=there.now, id=there.id("mine"), user=there.id("stranger")
    )
    payload(answer)
    seen = User.visible_to(make.viewer(there["teacher"]))
    assert not await seen.filter(id=there["stranger"].id).exists()
    # Whom the teacher met on the roster may be barred by them.
    await bar(there, "stranger")
    answer = await asker.ask(
        ADD, there["admin"], now=there.now, id=there.id("mine"), user=there.id("student")
    )
    payload(answer)
    assert await seen.filter(id=there["student"].id).exists()


async def test_adding_a_student_who_is_expected_keeps_them_expected(
    asker: Asker, there: Scene
) -> None:
    before = await SessionParticipant.get(id=there["attendance"].id)
    for _ in range(2):
        answer = await asker.ask(
            ADD, there["teacher"], now=there.now, id=there.id("mine"), user=there.id("student")
        )
        payload(answer)
    after = await SessionParticipant.get(id=before.id)
    assert (after.is_added, after.is_expected) == (True, True)


async def test_inactive_barred_or_foreign_people_cannot_be_added(
    asker: Asker, there: Scene
) -> None:
    await User.filter(id=there["stranger"].id).update(is_active=False)
    await bar(there, "classmate")
    for who, refused in (
        ("stranger", "INVALID_INPUT"),
        ("classmate", "BARRED"),
        ("foreign_student", "NOT_FOUND"),
    ):
        answer = await asker.ask(
            ADD, there["admin"], now=there.now, id=there.id("mine"), user=there.id(who)
        )
        (error,) = answer["data"]["addParticipant"]["errors"]
        assert error == {"code": refused, "field": ["userId"]}
    await Session.filter(id=there["mine"].id).update(status="COMPLETED", next_transition_at=None)
    answer = await asker.ask(
        ADD, there["admin"], now=there.now, id=there.id("mine"), user=there.id("colleague")
    )
    assert code(answer) == "WRONG_STATUS"


async def test_a_student_barred_while_the_room_is_made_gets_no_token(
    asker: Asker, there: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    livekit = asker.process.venue.livekit
    ensure = livekit.ensure_room

    async def bars_them(*args: Any, **options: Any) -> Any:
        await bar(there, "student")
        return await ensure(*args, **options)

    monkeypatch.setattr(livekit, "ensure_room", bars_them)
    answer = await asker.ask(TOKEN, there["student"], now=there.now, id=there.id("mine"))
    assert code(answer) == "BARRED"
