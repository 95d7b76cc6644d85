"""An old token can open a room after its session, where LiveKit makes rooms for anybody."""

from actions.sessions.session_status import change_session_status
from domain.access import UserRole
from domain.session import WorkKind
from domain.status import SessionStatus
from models import DueWork
from tests.conftest import Database
from tests.support import make
from tests.support.classrooms import at, ready
from tests.support.livekit_events import Room, Stay, send


async def test_a_room_that_comes_back_after_the_end_is_closed_again(database: Database) -> None:
    classroom = await ready()
    early = classroom.stay(1)
    await send(classroom.room.joined(early), at(1))
    admin = await make.user(await classroom.session.academy, UserRole.ACADEMY_ADMIN)
    over = SessionStatus.COMPLETED
    await change_session_status(make.viewer(admin), classroom.session.id, over, None, at(40))
    await DueWork.all().delete()  # the room was closed

    await send(classroom.room.left(early, at(40)), at(40, 0.5))
    assert await _deletions() == []
    again = Room(classroom.session, at(45))
    await send(again.joined(Stay(classroom.student, at(45))), at(45))
    assert await _deletions() == [classroom.session.id]


async def _deletions() -> list[int]:
    return [work.subject for work in await DueWork.filter(kind=WorkKind.DELETE_ROOM)]
