"""A person who gets another role: their place as a student ends, and what their parents saw."""

from datetime import timedelta

import pytest

from actions.academies.user_upsert import PersonInput, upsert_users
from domain.access import UserRole
from models import Group, Guardianship, Session, SessionParticipant, User
from models.reading.standing import read_standings
from tests.support import make
from tests.support.asking import Asker, payload
from tests.support.scene import Scene

CHILDREN = "query ($id: ID!) { node(id: $id) { ... on User { children { id } } } }"


async def become(there: Scene, name: str, role: UserRole) -> None:
    user = await User.get(id=there[name].id)
    named = {"first_name": user.first_name, "last_name": user.last_name}
    person = PersonInput(str(user.external_id), user.academy_id, role, named)
    (there.rows[name],) = await upsert_users(make.viewer(there["admin"]), [person], there.now)


async def takes_part(there: Scene, name: str, session: Session) -> bool:
    standings = await read_standings(make.viewer(there[name]), [session], there.now)
    return standings[session.id].may_join


@pytest.mark.parametrize("role", [UserRole.TEACHER, UserRole.SUPERVISOR, UserRole.PARENT])
async def test_parents_see_nothing_of_a_child_who_gets_another_role(
    asker: Asker, there: Scene, role: UserRole
) -> None:
    parent, child = make.viewer(there["parent"]), there["student"]
    assert await takes_part(there, "parent", there["mine"])
    await become(there, "student", role)
    own = {"session_id": there["others"].id, "role": role, "is_expected": False}
    await SessionParticipant.create(user_id=child.id, is_added=True, **own)
    assert await Guardianship.exists(child_id=child.id)
    assert not await Session.visible_to(parent).exists()
    assert not await Group.visible_to(parent).exists()
    assert not await SessionParticipant.visible_to(parent).exists()
    assert [user.id for user in await User.visible_to(parent)] == [parent.user_id]
    for session in ("mine", "others"):
        assert not await takes_part(there, "parent", there[session])
    for reader in ("parent", "admin"):
        answer = await asker.ask(CHILDREN, there[reader], id=there.id("parent"))
        assert payload(answer)["children"] == []
    await become(there, "student", UserRole.STUDENT)
    assert await takes_part(there, "parent", there["mine"])


@pytest.mark.parametrize("role", [UserRole.TEACHER, UserRole.PARENT])
async def test_a_student_who_gets_another_role_loses_their_places(
    there: Scene, role: UserRole
) -> None:
    student, at = there["student"], there.now + timedelta(minutes=5)
    private = await make.session(
        there["academy"], there["teacher"], student=student, at=at, now=there.now
    )
    added = {"session_id": there["others"].id, "role": UserRole.STUDENT, "is_expected": False}
    await SessionParticipant.create(user_id=student.id, is_added=True, **added)
    for session in (there["mine"], private, there["others"]):
        assert await takes_part(there, "student", session)
    await become(there, "student", role)
    rows = await SessionParticipant.filter(user_id=student.id)
    assert [(row.session_id, row.is_expected) for row in rows] == [(there["others"].id, False)]
    assert await takes_part(there, "student", there["others"])  # added, whoever they are
    assert not await Group.visible_to(make.viewer(there["student"])).exists()
    await become(there, "student", UserRole.STUDENT)
    rows = await SessionParticipant.filter(user_id=student.id, is_expected=True)
    assert {row.session_id for row in rows} == {there["mine"].id, private.id}


async def test_a_row_that_stays_gives_no_place_to_somebody_of_another_role(there: Scene) -> None:
    await User.filter(id=there["student"].id).update(role=UserRole.TEACHER)
    there.rows["student"] = await User.get(id=there["student"].id)
    assert not await takes_part(there, "student", there["mine"])
    await Session.filter(id=there["mine"].id).update(status="COMPLETED")
    over = await Session.get(id=there["mine"].id)
    assert await takes_part(there, "student", over)  # they may see how it ended
