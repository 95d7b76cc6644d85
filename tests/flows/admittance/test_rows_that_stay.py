"""A row that stays on a roster shows its person nothing that they have no right to any more."""

import pytest

from actions.academies.group_upsert import GroupEntry, MemberInput, upsert_groups
from actions.admittance.barring import bar_participant, unbar_participant
from domain.access import UserRole, Viewer
from domain.errors import ForbiddenError
from domain.session import MembershipSource
from domain.status import SessionStatus
from models import Guardianship, Session, SessionParticipant, User
from tests.flows.admittance import test_lost_rights
from tests.flows.admittance.test_lost_rights import Classroom
from tests.support import make

classroom = test_lost_rights.classroom  # the fixture


async def viewer(room: Classroom, name: str) -> Viewer:
    return make.viewer(await User.get(id=room.there[name].id))


async def sees(room: Classroom, name: str) -> bool:
    who = await viewer(room, name)
    return await Session.visible_to(who).filter(id=room.session_id).exists()


async def knows(room: Classroom, who: str, whom: str) -> bool:
    rows = User.visible_to(await viewer(room, who))
    return await rows.filter(id=room.there[whom].id).exists()


async def put(room: Classroom, *names: str) -> None:
    c = room.there["circle"]
    members = [
        MemberInput(room.there[n].external_id, MembershipSource.ENROLMENT, None, None)
        for n in names
    ]
    plan = GroupEntry(c.external_id, c.academy_id, c.kind, c.name, None, True, members)
    await upsert_groups(room.admin, [plan], room.there.now)


async def test_a_parent_who_came_sees_it_no_more_once_the_child_is_taken_away(
    classroom: Classroom,
) -> None:
    await classroom.enter("student", "parent")
    await classroom.leave_group("student")
    assert not await sees(classroom, "student")
    assert not await sees(classroom, "parent")


async def test_a_parent_who_came_and_lost_the_child_sees_it_no_more(classroom: Classroom) -> None:
    await classroom.enter("student", "parent")
    await Guardianship.filter(guardian_id=classroom.there["parent"].id).delete()
    assert not await sees(classroom, "parent")


async def test_a_replaced_teacher_who_was_inside_sees_it_no_more(classroom: Classroom) -> None:
    await classroom.enter("teacher", "student")
    await classroom.substitute()
    assert not await sees(classroom, "teacher")


async def test_the_attendance_of_a_former_student_leads_to_no_running_session(
    classroom: Classroom,
) -> None:
    await classroom.enter("student")
    await classroom.change("student", UserRole.TEACHER)
    assert not await sees(classroom, "student")
    me = await User.get(id=classroom.there["student"].id)
    answer = await classroom.asker.ask(
        "{ attendances(filter: {}) { nodes { session { title } } } }", me
    )
    assert answer["data"]["attendances"]["nodes"] == []


async def test_barring_an_outsider_shows_them_to_no_teacher_and_nothing_to_them(
    classroom: Classroom,
) -> None:
    await bar_participant(
        classroom.admin, classroom.session_id, classroom.there["stranger"].id, classroom.there.now
    )
    assert not await knows(classroom, "teacher", "stranger")
    assert not await sees(classroom, "stranger")


async def test_a_former_member_who_runs_the_academy_is_no_student_of_the_teacher(
    classroom: Classroom,
) -> None:
    await classroom.change("stranger", UserRole.STUDENT)
    await classroom.change("classmate", UserRole.SUPERVISOR)
    assert not await knows(classroom, "teacher", "classmate")


async def test_a_teacher_who_is_none_any_more_starts_nothing(classroom: Classroom) -> None:
    old = await classroom.token("teacher")
    await classroom.change("teacher", UserRole.PARENT)
    await classroom.come_back("teacher", old)
    assert (await classroom.row()).status is SessionStatus.READY


async def test_nobody_unbars_themselves_who_manages_by_now(classroom: Classroom) -> None:
    barred = classroom.there["classmate"]
    await bar_participant(classroom.admin, classroom.session_id, barred.id, classroom.there.now)
    await classroom.change("classmate", UserRole.SUPERVISOR)
    themselves = await viewer(classroom, "classmate")
    with pytest.raises(ForbiddenError):
        await unbar_participant(themselves, classroom.session_id, barred.id, classroom.there.now)
    row = await SessionParticipant.get(session_id=classroom.session_id, user_id=barred.id)
    assert row.barred_at is not None
