"""A person who loses the right to a session, or part of it, is put out; nobody else is."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from tortoise.queryset import QuerySet

import clock
from actions.academies import group_upsert, user_upsert, video_settings
from actions.academies.group_upsert import GroupEntry, MemberInput
from actions.academies.user_upsert import PersonInput
from actions.admittance.barring import remove_person
from actions.admittance.participants import add_participant
from actions.rooms.reconciler import reconcile_rooms
from actions.sessions import session_update
from domain.access import UserRole, Viewer
from domain.session import MembershipSource, WorkKind
from gateways.livekit import LiveKit
from models import Academy, DueWork, Guardianship, Membership, Session, SessionParticipant, User
from models import VideoSettings as Settings
from tests.conftest import Database
from tests.support import make
from tests.support.asking import Asker
from tests.support.livekit_events import Room, Stay, send
from tests.support.livekit_stub import LiveKitStub
from tests.support.scene import Scene, scene
from tests.support.statements import counting
from tests.support.tokens import asking_with_stub, token, verified


@dataclass(frozen=True, slots=True)
class Classroom:
    """`mine` of the scene. People inside came with a token of ours, and LiveKit told of it."""

    there: Scene
    asker: Asker
    stub: LiveKitStub

    @property
    def session_id(self) -> int:
        return int(self.there["mine"].id)

    @property
    def admin(self) -> Viewer:
        return make.viewer(self.there["admin"])

    @property
    def livekit(self) -> LiveKit:
        return self.asker.process.venue.livekit

    async def row(self) -> Session:
        return await Session.get(id=self.session_id)

    async def enter(self, *names: str) -> None:
        for name in names:
            await self.come_back(name, await self.token(name))

    async def token(self, name: str) -> dict[str, Any]:
        return await token(self.asker, self.there, name)

    async def come_back(self, name: str, with_token: dict[str, Any]) -> None:
        claims = verified(with_token)
        person = self.stub.enter(with_token["roomName"], claims.identity)
        person.metadata = claims.metadata
        person.attributes.update(claims.attributes)
        made = self.stub.rooms[with_token["roomName"]]
        room = Room(await self.row(), self.there.now, made.sid)
        await send(room.joined(Stay(self.there[name], self.there.now, person.sid)), self.there.now)

    async def inside(self) -> set[str]:
        """The names of the people still inside, once all due removals are done."""
        for work in await DueWork.filter(kind=WorkKind.REMOVE_PERSON):
            await remove_person(self.livekit, work.subject, self.there.now)
            await work.delete()
        identities = self.stub.people[str((await self.row()).room_name)]
        ids = {int(identity.partition("_")[0]) for identity in identities}
        return {name for name, row in self.there.rows.items() if _is_one(row, ids)}

    async def look(self, seconds: float = 10) -> None:
        await reconcile_rooms(self.livekit, self.there.now + timedelta(seconds=seconds))

    async def change(self, name: str, role: UserRole | None = None, **values: Any) -> None:
        user: User = self.there[name]
        named = {"first_name": user.first_name, "last_name": user.last_name} | values
        person = PersonInput(str(user.external_id), user.academy_id, role or user.role, named)
        await user_upsert.upsert_users(self.admin, [person], self.there.now)

    async def substitute(self) -> None:
        values = {"teacher_id": self.there["colleague"].id}
        await session_update.update_session(self.admin, self.session_id, values, self.there.now)

    async def let_teachers_in(self, is_open: bool) -> None:
        values = {"teachers_join_any_session": is_open}
        academy_id = self.there["academy"].id
        await video_settings.update_video_settings(self.admin, academy_id, values, self.there.now)

    async def leave_group(self, name: str) -> None:
        circle = self.there["circle"]
        members = [
            MemberInput(self.there[one].external_id, MembershipSource.ENROLMENT, None, None)
            for one in {"student", "classmate"} - {name}
        ]
        plan = GroupEntry(
            circle.external_id, circle.academy_id, circle.kind, circle.name, None, True, members
        )
        await group_upsert.upsert_groups(self.admin, [plan], self.there.now)


def _is_one(row: object, user_ids: set[int]) -> bool:
    return isinstance(row, User) and row.id in user_ids


@pytest.fixture
async def classroom(database: Database) -> AsyncIterator[Classroom]:
    there = await scene(clock.now().replace(microsecond=0))
    async with asking_with_stub() as (asker, stub):
        yield Classroom(there, asker, stub)


async def planned() -> int:
    return await DueWork.filter(kind=WorkKind.REMOVE_PERSON).count()


async def forget_plans() -> None:
    """Delete the due removals, to see what the reconciler finds alone."""
    await DueWork.filter(kind=WorkKind.REMOVE_PERSON).delete()


async def test_a_person_who_is_deactivated_or_loses_their_role_is_put_out(
    classroom: Classroom,
) -> None:
    await classroom.enter("student", "classmate", "supervisor", "teacher", "parent")
    assert await planned() == 0
    await classroom.change("classmate", is_active=False)
    await classroom.change("supervisor", UserRole.PARENT)
    assert await classroom.inside() == {"student", "teacher", "parent"}


async def test_with_a_student_who_leaves_the_group_goes_the_parent(classroom: Classroom) -> None:
    await classroom.enter("student", "classmate", "parent", "others_parent")
    await classroom.leave_group("student")
    assert await classroom.inside() == {"classmate", "others_parent"}


async def test_who_is_taken_away_while_inside_sees_the_session_again_when_it_is_over(
    classroom: Classroom,
) -> None:
    there, mine = classroom.there, classroom.session_id

    def rows_for(name: str) -> QuerySet[SessionParticipant]:
        return SessionParticipant.visible_to(make.viewer(there[name])).filter(session_id=mine)

    async def see() -> set[str]:
        return {
            name
            for name in ("student", "parent", "classmate", "others_parent")
            if await Session.visible_to(make.viewer(there[name])).filter(id=mine).exists()
            and await rows_for(name).exists()
        }

    await classroom.enter("student", "classmate")
    assert await see() == {"student", "parent", "classmate", "others_parent"}
    await classroom.leave_group("student")
    assert await SessionParticipant.exists(session_id=mine, user_id=there["student"].id)
    assert await see() == {"classmate", "others_parent"}
    await add_participant(classroom.admin, mine, there["student"].id, there.now)
    assert await see() == {"student", "parent", "classmate", "others_parent"}
    await SessionParticipant.filter(user_id=there["student"].id).update(is_added=False)
    assert await see() == {"classmate", "others_parent"}
    await Session.filter(id=mine).update(status="COMPLETED")
    assert await see() == {"student", "parent", "classmate", "others_parent"}
    await Session.filter(id=mine).update(status="ONGOING")
    await classroom.leave_group("nobody")  # so the student is a member again
    assert await see() == {"student", "parent", "classmate", "others_parent"}


async def test_a_substituted_teacher_who_may_still_visit_leaves_and_comes_back_as_a_guest(
    classroom: Classroom,
) -> None:
    await classroom.let_teachers_in(True)
    old = await classroom.token("teacher")
    await classroom.enter("teacher", "student")
    await classroom.substitute()
    assert await classroom.inside() == {"student"}
    await classroom.enter("teacher")
    await classroom.look()
    assert await planned() == 0
    assert await classroom.inside() == {"student", "teacher"}
    await classroom.come_back("teacher", old)  # the old token would let them run the room
    await classroom.look(20)
    assert await classroom.inside() == {"student"}


async def test_teachers_who_are_let_into_no_other_session_any_more_are_put_out(
    classroom: Classroom,
) -> None:
    await classroom.let_teachers_in(True)
    await classroom.enter("teacher", "colleague")
    await classroom.look()
    assert await classroom.inside() == {"teacher", "colleague"}
    await classroom.let_teachers_in(False)
    assert await classroom.inside() == {"teacher"}


async def test_a_student_who_becomes_a_parent_is_put_out_and_may_come_back_to_listen(
    classroom: Classroom,
) -> None:
    await classroom.enter("classmate", "student")
    child, guardian = classroom.there["student"], classroom.there["classmate"]
    await Guardianship.create(guardian_id=guardian.id, child_id=child.id)
    await classroom.change("classmate", UserRole.PARENT)
    assert await classroom.inside() == {"student"}
    classroom.there.rows["classmate"] = await User.get(id=guardian.id)
    await classroom.enter("classmate")
    await classroom.look()
    assert await classroom.inside() == {"student", "classmate"}


async def test_a_substituted_teacher_who_was_added_is_put_out_once_and_may_come_back(
    classroom: Classroom,
) -> None:
    await classroom.enter("teacher", "student")
    await add_participant(
        classroom.admin, classroom.session_id, classroom.there["teacher"].id, classroom.there.now
    )
    await classroom.substitute()
    assert await classroom.inside() == {"student"}
    await classroom.enter("teacher")
    await classroom.look()
    assert await classroom.inside() == {"student", "teacher"}


async def test_a_look_finds_whoever_lost_the_right_and_nobody_else(classroom: Classroom) -> None:
    await classroom.let_teachers_in(True)
    await classroom.enter("teacher", "colleague", "supervisor", "student", "classmate", "parent")
    await classroom.let_teachers_in(False)
    await classroom.change("supervisor", UserRole.PARENT)
    await classroom.leave_group("student")
    await forget_plans()
    await classroom.look()
    assert await planned() == 4
    assert await classroom.inside() == {"teacher", "classmate"}
    await classroom.look(20)
    assert await planned() == 0


async def test_a_membership_ends_by_date(classroom: Classroom) -> None:
    await classroom.enter("student", "classmate")
    ends = classroom.there.now + timedelta(seconds=15)
    await Membership.filter(user_id=classroom.there["student"].id).update(active_until=ends)
    await classroom.look(14)
    assert await planned() == 0
    await classroom.look(15)
    row = await SessionParticipant.get(id=classroom.there["attendance"].id)
    work = await DueWork.get(kind=WorkKind.REMOVE_PERSON)
    assert (work.subject, work.due_at) == (row.id, ends)
    await remove_person(classroom.livekit, row.id, ends)
    assert await classroom.inside() == {"classmate"}


async def test_a_person_without_the_right_who_joins_with_an_old_token_is_put_out(
    classroom: Classroom,
) -> None:
    old = {name: await classroom.token(name) for name in ("supervisor", "classmate")}
    await classroom.change("supervisor", UserRole.PARENT)
    await classroom.leave_group("classmate")
    for name, one in old.items():
        await classroom.come_back(name, one)
    assert await classroom.inside() == set()


async def test_nobody_is_put_out_by_the_hour_the_window_or_an_inactive_academy(
    classroom: Classroom,
) -> None:
    everybody = {"teacher", "admin", "supervisor", "student", "parent", "super"}
    await classroom.enter(*everybody)
    academy_id = classroom.there["academy"].id
    await Academy.filter(id=academy_id).update(is_active=False)
    days = ["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"]
    closed = {"auto_create_meetings": False, "meeting_creation_blocked_days": days}
    await Settings.filter(academy_id=academy_id).update(**closed)
    session = await classroom.row()
    session.meeting_options = (session.meeting_options or {}) | {"max_participants": 1}
    await session.save(update_fields=["meeting_options"])
    for minutes in (1, 70, 300):  # also in overtime
        await classroom.look(60 * minutes)
    assert await planned() == 0
    for row in await SessionParticipant.filter(session_id=classroom.session_id):
        later = classroom.there.now + timedelta(hours=5)
        await remove_person(classroom.livekit, row.id, later)
    assert await classroom.inside() == everybody


async def test_strangers_recorders_and_people_without_a_grant_are_left_in_the_room(
    classroom: Classroom,
) -> None:
    await classroom.enter("student")
    name = str((await classroom.row()).room_name)
    for identity in ("EG_recorder", "agent-7", str(classroom.there["classmate"].id)):
        classroom.stub.enter(name, identity).attributes["grant"] = "room_admin"
    foreigner = classroom.there["foreign_student"]
    classroom.stub.enter(name, f"{foreigner.id}_Somebody_Else")
    student = classroom.there["student"]
    del classroom.stub.people[name][f"{student.id}_{student.first_name}_{student.last_name}"]
    classroom.stub.enter(name, f"{student.id}_Of_Before")
    await classroom.look()
    assert await planned() == 0
    assert len(classroom.stub.people[name]) == 5


async def test_a_look_asks_as_often_for_many_as_for_one(classroom: Classroom) -> None:
    await classroom.enter("student", "parent", "teacher")
    await classroom.look()
    with counting() as one:
        await classroom.look(20)
    await classroom.enter("classmate", "others_parent", "admin", "supervisor", "super")
    there = Classroom(
        Scene(classroom.there.rows | {"mine": classroom.there["others"]}, classroom.there.now),
        classroom.asker,
        classroom.stub,
    )
    await there.enter("stranger", "others_parent", "colleague", "admin")
    await classroom.look(30)
    with counting() as many:
        await classroom.look(40)
    assert len(many) == len(one) <= 9
