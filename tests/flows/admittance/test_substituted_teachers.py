"""A teacher who no longer teaches a session is put out: their token lets them run the room."""

import pytest

from actions.admittance.barring import remove_person
from actions.admittance.participants import add_participant
from actions.rooms.reconciler import reconcile_rooms
from actions.rooms.room import make_room
from actions.sessions.session_update import update_session
from domain.access import UserRole, Viewer
from domain.rooms import participant_identity
from domain.session import WorkKind
from gateways.livekit import LiveKit
from models import DueWork, Session, SessionParticipant, User, VideoSettings
from tests.support import make
from tests.support.classrooms import Classroom, at, ready
from tests.support.livekit_events import send
from tests.support.livekit_stub import LiveKitStub

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
async def classroom(livekit: LiveKit, stub: LiveKitStub) -> Classroom:
    """A session whose teacher is in the room."""
    classroom = await ready()
    await make_room(livekit, classroom.session.id, at(-9))
    await send(classroom.room.joined(classroom.stay(0, classroom.teacher)), at(0))
    enter(stub, classroom)
    return classroom


def identity(user: User) -> str:
    return participant_identity(user.id, user.first_name, user.last_name)


def enter(stub: LiveKitStub, classroom: Classroom) -> None:
    stub.enter(str(classroom.session.room_name), identity(classroom.teacher)).sid = "PA_teacher"


async def supervisor(classroom: Classroom) -> Viewer:
    return make.viewer(await make.user(await classroom.session.academy, UserRole.SUPERVISOR))


async def substitute(classroom: Classroom) -> Session:
    other = await make.teacher(await classroom.session.academy)
    values = {"teacher_id": other.id}
    return await update_session(await supervisor(classroom), classroom.session.id, values, at(5))


async def removals(classroom: Classroom) -> list[int]:
    """The participants that are due to be removed. The due work is deleted."""
    work = DueWork.filter(kind=WorkKind.REMOVE_PERSON)
    found = [row.subject for row in await work]
    await work.delete()
    return found


async def stays(classroom: Classroom, livekit: LiveKit, stub: LiveKitStub) -> bool:
    """True if the teacher is inside after the removals, as a guest who administers nothing."""
    for participant_id in await removals(classroom):
        await remove_person(livekit, participant_id, at(6))
    await reconcile_rooms(livekit, at(7))
    is_inside = identity(classroom.teacher) in stub.people[str(classroom.session.room_name)]
    return is_inside and await removals(classroom) == []


async def row_of(classroom: Classroom) -> SessionParticipant:
    number = classroom.session.id
    return await SessionParticipant.get(session_id=number, user_id=classroom.teacher.id)


async def test_a_substituted_teacher_is_put_out_whenever_they_come_back(
    classroom: Classroom, livekit: LiveKit, stub: LiveKitStub
) -> None:
    await substitute(classroom)
    row, name = await row_of(classroom), str(classroom.session.room_name)
    assert await removals(classroom) == [row.id]
    await remove_person(livekit, row.id, at(5))
    assert list(stub.people[name]) == []
    await send(classroom.room.left(classroom.stay(0, classroom.teacher), at(6)), at(6))
    await send(classroom.room.joined(classroom.stay(7, classroom.teacher)), at(7))
    assert await removals(classroom) == [row.id]
    await send(classroom.room.left(classroom.stay(7, classroom.teacher), at(8)), at(8))
    enter(stub, classroom)  # with an old token; its webhook is lost
    await reconcile_rooms(livekit, at(9))
    assert await removals(classroom) == [row.id]


async def test_a_teacher_who_teaches_the_session_again_meanwhile_stays(
    classroom: Classroom, livekit: LiveKit, stub: LiveKitStub
) -> None:
    await substitute(classroom)
    row = await row_of(classroom)
    values = {"teacher_id": classroom.teacher.id}
    await update_session(await supervisor(classroom), classroom.session.id, values, at(6))
    await remove_person(livekit, row.id, at(6))
    assert list(stub.people[str(classroom.session.room_name)]) == [identity(classroom.teacher)]


async def test_a_substituted_teacher_who_was_added_may_stay(
    classroom: Classroom, livekit: LiveKit, stub: LiveKitStub
) -> None:
    await add_participant(
        await supervisor(classroom), classroom.session.id, classroom.teacher.id, at(4)
    )
    await substitute(classroom)
    assert await stays(classroom, livekit, stub)


async def test_a_substituted_teacher_who_may_join_any_session_may_stay(
    classroom: Classroom, livekit: LiveKit, stub: LiveKitStub
) -> None:
    settings = VideoSettings.filter(academy_id=classroom.session.academy_id)
    await settings.update(teachers_join_any_session=True)
    await substitute(classroom)
    assert await stays(classroom, livekit, stub)


async def test_the_teacher_and_the_students_are_let_alone(classroom: Classroom) -> None:
    await send(classroom.room.joined(classroom.stay(1)), at(1))
    await send(classroom.room.joined(classroom.stay(2, classroom.teacher)), at(2))
    assert await removals(classroom) == []
