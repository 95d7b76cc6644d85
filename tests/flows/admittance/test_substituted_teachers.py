"""Who does not teach a session any more leaves its room: their token lets them run it."""

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
from tests.support.lessons import Lesson, at, ready
from tests.support.livekit_events import send
from tests.support.livekit_stub import LiveKitStub

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
async def lesson(livekit: LiveKit, stub: LiveKitStub) -> Lesson:
    """Its teacher is in the room."""
    lesson = await ready()
    await make_room(livekit, lesson.session.id, at(-9))
    await send(lesson.room.joined(lesson.stay(0, lesson.teacher)), at(0))
    enter(stub, lesson)
    return lesson


def identity(user: User) -> str:
    return participant_identity(user.id, user.first_name, user.last_name)


def enter(stub: LiveKitStub, lesson: Lesson) -> None:
    stub.enter(str(lesson.session.room_name), identity(lesson.teacher)).sid = "PA_teacher"


async def supervisor(lesson: Lesson) -> Viewer:
    return make.viewer(await make.user(await lesson.session.academy, UserRole.SUPERVISOR))


async def substitute(lesson: Lesson) -> Session:
    other = await make.teacher(await lesson.session.academy)
    values = {"teacher_id": other.id}
    return await update_session(await supervisor(lesson), lesson.session.id, values, at(5))


async def removals(lesson: Lesson) -> list[int]:
    """Participants who are to be removed, and forget it."""
    work = DueWork.filter(kind=WorkKind.REMOVE_PERSON)
    found = [row.subject for row in await work]
    await work.delete()
    return found


async def stays(lesson: Lesson, livekit: LiveKit, stub: LiveKitStub) -> bool:
    """Whether they are still there when it was looked at: as a guest, who administers nothing."""
    for participant_id in await removals(lesson):
        await remove_person(livekit, participant_id, at(6))
    await reconcile_rooms(livekit, at(7))
    is_inside = identity(lesson.teacher) in stub.people[str(lesson.session.room_name)]
    return is_inside and await removals(lesson) == []


async def row_of(lesson: Lesson) -> SessionParticipant:
    number = lesson.session.id
    return await SessionParticipant.get(session_id=number, user_id=lesson.teacher.id)


async def test_they_are_put_out_whenever_they_come_back(
    lesson: Lesson, livekit: LiveKit, stub: LiveKitStub
) -> None:
    await substitute(lesson)
    row, name = await row_of(lesson), str(lesson.session.room_name)
    assert await removals(lesson) == [row.id]
    await remove_person(livekit, row.id, at(5))
    assert list(stub.people[name]) == []
    await send(lesson.room.left(lesson.stay(0, lesson.teacher), at(6)), at(6))
    await send(lesson.room.joined(lesson.stay(7, lesson.teacher)), at(7))
    assert await removals(lesson) == [row.id]
    await send(lesson.room.left(lesson.stay(7, lesson.teacher), at(8)), at(8))
    enter(stub, lesson)  # with a token that was made before; its webhook is lost
    await reconcile_rooms(livekit, at(9))
    assert await removals(lesson) == [row.id]


async def test_who_teaches_it_again_meanwhile_stays(
    lesson: Lesson, livekit: LiveKit, stub: LiveKitStub
) -> None:
    await substitute(lesson)
    row = await row_of(lesson)
    values = {"teacher_id": lesson.teacher.id}
    await update_session(await supervisor(lesson), lesson.session.id, values, at(6))
    await remove_person(livekit, row.id, at(6))
    assert list(stub.people[str(lesson.session.room_name)]) == [identity(lesson.teacher)]


async def test_who_was_added_may_stay(lesson: Lesson, livekit: LiveKit, stub: LiveKitStub) -> None:
    await add_participant(await supervisor(lesson), lesson.session.id, lesson.teacher.id, at(4))
    await substitute(lesson)
    assert await stays(lesson, livekit, stub)


async def test_so_may_whoever_may_join_any_session(
    lesson: Lesson, livekit: LiveKit, stub: LiveKitStub
) -> None:
    settings = VideoSettings.filter(academy_id=lesson.session.academy_id)
    await settings.update(teachers_join_any_session=True)
    await substitute(lesson)
    assert await stays(lesson, livekit, stub)


async def test_the_teacher_and_the_students_are_let_alone(lesson: Lesson) -> None:
    await send(lesson.room.joined(lesson.stay(1)), at(1))
    await send(lesson.room.joined(lesson.stay(2, lesson.teacher)), at(2))
    assert await removals(lesson) == []
