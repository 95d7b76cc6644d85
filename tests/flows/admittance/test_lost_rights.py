"""Who loses the right to a session, or part of it, is put out of its room; nobody else is."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

import clock
from actions.academies import group_upsert, user_upsert, video_settings
from actions.academies.group_upsert import GroupEntry, MemberInput
from actions.academies.user_upsert import PersonInput
from actions.admittance.barring import remove_person
from actions.admittance.participants import add_participant
from actions.rooms.look import look_at_rooms
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
class Class:
    """`mine` of the scene. Who is inside came with a token of ours, and LiveKit told of it."""

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
        return self.asker.process.door.livekit

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
        """Who is still there, once all that was planned is done."""
        for work in await DueWork.filter(kind=WorkKind.REMOVE_PERSON):
            await remove_person(self.livekit, work.subject, self.there.now)
            await work.delete()
        identities = self.stub.people[str((await self.row()).room_name)]
        ids = {int(identity.partition("_")[0]) for identity in identities}
        return {name for name, row in self.there.rows.items() if _is_one(row, ids)}

    async def look(self, seconds: float = 10) -> None:
        await look_at_rooms(self.livekit, self.there.now + timedelta(seconds=seconds))

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
async def lesson(database: Database) -> AsyncIterator[Class]:
    there = await scene(clock.now().replace(microsecond=0))
    async with asking_with_stub() as (asker, stub):
        yield Class(there, asker, stub)


async def planned() -> int:
    return await DueWork.filter(kind=WorkKind.REMOVE_PERSON).count()


async def forget_plans() -> None:
    """As if nobody had done anything when the right was lost: what a look does alone."""
    await DueWork.filter(kind=WorkKind.REMOVE_PERSON).delete()


async def test_who_is_deactivated_or_gets_another_role_is_put_out(lesson: Class) -> None:
    await lesson.enter("student", "classmate", "supervisor", "teacher", "parent")
    assert await planned() == 0
    await lesson.change("classmate", is_active=False)
    await lesson.change("supervisor", UserRole.PARENT)
    assert await lesson.inside() == {"student", "teacher", "parent"}


async def test_with_a_student_who_leaves_the_group_goes_the_parent(lesson: Class) -> None:
    await lesson.enter("student", "classmate", "parent", "others_parent")
    await lesson.leave_group("student")
    assert await lesson.inside() == {"classmate", "others_parent"}


async def test_a_substituted_teacher_who_may_still_visit_leaves_and_comes_back_as_a_guest(
    lesson: Class,
) -> None:
    await lesson.let_teachers_in(True)
    old = await lesson.token("teacher")
    await lesson.enter("teacher", "student")
    await lesson.substitute()
    assert await lesson.inside() == {"student"}
    await lesson.enter("teacher")
    await lesson.look()
    assert await planned() == 0
    assert await lesson.inside() == {"student", "teacher"}
    await lesson.come_back("teacher", old)  # with which the room would be theirs to run
    await lesson.look(20)
    assert await lesson.inside() == {"student"}


async def test_teachers_who_are_let_into_no_other_session_any_more_are_put_out(
    lesson: Class,
) -> None:
    await lesson.let_teachers_in(True)
    await lesson.enter("teacher", "colleague")
    await lesson.look()
    assert await lesson.inside() == {"teacher", "colleague"}
    await lesson.let_teachers_in(False)
    assert await lesson.inside() == {"teacher"}


async def test_who_came_to_speak_and_may_only_listen_now_comes_in_again(lesson: Class) -> None:
    await lesson.enter("classmate", "student")
    child, guardian = lesson.there["student"], lesson.there["classmate"]
    await Guardianship.create(guardian_id=guardian.id, child_id=child.id)
    await lesson.change("classmate", UserRole.PARENT)
    assert await lesson.inside() == {"student"}
    lesson.there.rows["classmate"] = await User.get(id=guardian.id)
    await lesson.enter("classmate")
    await lesson.look()
    assert await lesson.inside() == {"student", "classmate"}


async def test_who_was_added_keeps_the_place_and_not_the_room(lesson: Class) -> None:
    await lesson.enter("teacher", "student")
    await add_participant(
        lesson.admin, lesson.session_id, lesson.there["teacher"].id, lesson.there.now
    )
    await lesson.substitute()
    assert await lesson.inside() == {"student"}
    await lesson.enter("teacher")
    await lesson.look()
    assert await lesson.inside() == {"student", "teacher"}


async def test_a_look_finds_whoever_lost_the_right_and_nobody_else(lesson: Class) -> None:
    await lesson.let_teachers_in(True)
    await lesson.enter("teacher", "colleague", "supervisor", "student", "classmate", "parent")
    await lesson.let_teachers_in(False)
    await lesson.change("supervisor", UserRole.PARENT)
    await lesson.leave_group("student")
    await forget_plans()
    await lesson.look()
    assert await planned() == 4
    assert await lesson.inside() == {"teacher", "classmate"}
    await lesson.look(20)
    assert await planned() == 0


async def test_a_membership_ends_by_date(lesson: Class) -> None:
    await lesson.enter("student", "classmate")
    ends = lesson.there.now + timedelta(seconds=15)
    await Membership.filter(user_id=lesson.there["student"].id).update(active_until=ends)
    await lesson.look(14)
    assert await planned() == 0
    await lesson.look(15)
    row = await SessionParticipant.get(id=lesson.there["attendance"].id)
    work = await DueWork.get(kind=WorkKind.REMOVE_PERSON)
    assert (work.subject, work.due_at) == (row.id, ends)
    await remove_person(lesson.livekit, row.id, ends)
    assert await lesson.inside() == {"classmate"}


async def test_who_comes_with_an_old_token_is_put_out_again(lesson: Class) -> None:
    old = {name: await lesson.token(name) for name in ("supervisor", "classmate")}
    await lesson.change("supervisor", UserRole.PARENT)
    await lesson.leave_group("classmate")
    for name, one in old.items():
        await lesson.come_back(name, one)
    assert await lesson.inside() == set()


async def test_the_hour_the_window_and_the_academy_put_nobody_out(lesson: Class) -> None:
    everybody = {"teacher", "admin", "supervisor", "student", "parent", "super"}
    await lesson.enter(*everybody)
    academy_id = lesson.there["academy"].id
    await Academy.filter(id=academy_id).update(is_active=False)
    days = ["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"]
    closed = {"auto_create_meetings": False, "meeting_creation_blocked_days": days}
    await Settings.filter(academy_id=academy_id).update(**closed)
    session = await lesson.row()
    session.meeting_options = (session.meeting_options or {}) | {"max_participants": 1}
    await session.save(update_fields=["meeting_options"])
    for minutes in (1, 70, 300):  # overtime, too
        await lesson.look(60 * minutes)
    assert await planned() == 0
    for row in await SessionParticipant.filter(session_id=lesson.session_id):
        later = lesson.there.now + timedelta(hours=5)
        await remove_person(lesson.livekit, row.id, later)
    assert await lesson.inside() == everybody


async def test_who_is_not_ours_or_came_before_grants_were_told_is_let_alone(lesson: Class) -> None:
    await lesson.enter("student")
    name = str((await lesson.row()).room_name)
    for identity in ("EG_recorder", "agent-7", str(lesson.there["classmate"].id)):
        lesson.stub.enter(name, identity).attributes["grant"] = "room_admin"
    foreigner = lesson.there["foreign_student"]
    lesson.stub.enter(name, f"{foreigner.id}_Somebody_Else")
    student = lesson.there["student"]
    del lesson.stub.people[name][f"{student.id}_{student.first_name}_{student.last_name}"]
    lesson.stub.enter(name, f"{student.id}_Of_Before")
    await lesson.look()
    assert await planned() == 0
    assert len(lesson.stub.people[name]) == 5


async def test_a_look_asks_as_often_for_many_as_for_one(lesson: Class) -> None:
    await lesson.enter("student", "parent", "teacher")
    await lesson.look()
    with counting() as one:
        await lesson.look(20)
    await lesson.enter("classmate", "others_parent", "admin", "supervisor", "super")
    there = Class(
        Scene(lesson.there.rows | {"mine": lesson.there["others"]}, lesson.there.now),
        lesson.asker,
        lesson.stub,
    )
    await there.enter("stranger", "others_parent", "colleague", "admin")
    await lesson.look(30)
    with counting() as many:
        await lesson.look(40)
    assert len(many) == len(one) <= 9
