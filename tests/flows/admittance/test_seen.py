"""The rule of who sees a session or a row stands twice: in a statement, and for rows in memory."""

from itertools import product

import pytest

from domain.access import UserRole, Viewer
from domain.status import SessionStatus
from models import Guardianship, Session, SessionParticipant, VideoSettings
from models.reading.standing import read_grounds
from tests.support import make
from tests.support.scene import Scene

ROLES = (UserRole.STUDENT, UserRole.TEACHER, UserRole.PARENT)
PEOPLE = ("student", "classmate", "parent", "colleague", "former_child")
VIEWERS = (
    "super",
    "admin",
    "supervisor",
    "teacher",
    "colleague",
    "student",
    "stranger",
    "parent",
    "others_parent",
    "former_childs_parent",
    "foreign_admin",
    "foreign_teacher",
    "foreign_student",
)


async def prepared(there: Scene) -> list[Session]:
    """Sessions of all kinds of places: each kind of row is there for each of these people."""
    academy = there["academy"]
    child = await make.user(academy, UserRole.TEACHER)
    parent = await make.parent(academy)
    await Guardianship.create(guardian_id=parent.id, child_id=child.id)
    there.rows.update({"former_child": child, "former_childs_parent": parent})
    sessions = [there["mine"], there["others"], there["foreign"]]
    kinds = list(product((SessionStatus.READY, SessionStatus.COMPLETED), ROLES, (0, 1), (0, 1)))
    for number, (status, role, is_removed, is_added) in enumerate(kinds):
        session = await make.session(academy, there["teacher"], group=there["others_circle"])
        await Session.filter(id=session.id).update(status=status)
        await SessionParticipant.filter(session_id=session.id).delete()
        # One person each, in turn: somebody else's row shows the session to nobody.
        for name in PEOPLE[number % 2 :: 2]:
            await SessionParticipant.create(
                session_id=session.id,
                user_id=there[name].id,
                role=role,
                is_expected=False,
                is_added=bool(is_added),
                is_removed=bool(is_removed),
            )
        sessions.append(session)
    return await Session.filter(id__in=[session.id for session in sessions])


@pytest.mark.parametrize("is_open", [True, False])
async def test_a_statement_and_the_rows_say_the_same(there: Scene, is_open: bool) -> None:
    sessions = await prepared(there)
    setting = VideoSettings.filter(academy_id=there["academy"].id)
    await setting.update(teachers_join_any_session=is_open)
    ids = {session.id: session for session in sessions}
    rows = await SessionParticipant.filter(session_id__in=list(ids))
    viewers = [make.viewer(there[name]) for name in VIEWERS]
    grounds = await read_grounds(viewers, sessions)
    for name, viewer in zip(VIEWERS, viewers, strict=True):
        selected = {one.id for one in await Session.visible_to(viewer) if one.id in ids}
        assert {one.id for one in sessions if grounds.sees(viewer, one)} == selected, name
        own = await SessionParticipant.visible_to(viewer)
        seen = {row.id for row in rows if grounds.sees_row(viewer, ids[row.session_id], row)}
        assert seen == {row.id for row in own if row.session_id in ids}, name


async def test_a_former_parent_has_no_household_by_who_they_were(there: Scene) -> None:
    """Somebody may be read before and after their role changed, in one batch."""
    former = make.viewer(there["parent"])
    now = Viewer(former.user_id, UserRole.STUDENT, former.academy_id)
    session = await Session.get(id=there["mine"].id)
    grounds = await read_grounds([former, now], [session])
    assert grounds.sees(former, session)
    assert not grounds.sees(now, session)
    assert not grounds.standing(now, session, there.now).takes_part
