"""Nothing is sent from the doubt about a right until the answer, which decides what follows."""

import asyncio
from dataclasses import replace
from datetime import datetime
from typing import Any, cast

import pytest

import clock
from actions.sessions.session_cancel import cancel_session
from actions.webhooks.notices import record_notice
from actions.writing.rights import doubt_rights
from domain.access import Audience, UserRole, Viewer
from domain.errors import UnauthenticatedError
from execution.context import Context
from gateways.livekit_webhooks import translate
from models import Membership, User
from models.database.atomic import atomic
from schema.types.ids import Kind, encode
from subscriptions.reauthorisation import reauthorise
from subscriptions.right import Footing, Right
from tests.conftest import Database
from tests.support import make
from tests.support.classrooms import Classroom, at, ready
from tests.support.patience import until
from tests.support.streams import EVENTS, PRESENCE, Opening, Stream, Streams, streaming
from tests.support.webhooks import encode as body_of


class Door:
    """Names the viewer, once it is let."""

    def __init__(self, viewer: Viewer) -> None:
        self.viewer: Viewer | None = viewer
        self.is_open = asyncio.Event()
        self.is_open.set()
        self.is_failing = False
        self.asked = asyncio.Event()

    async def ask(self) -> Viewer | None:
        gate, viewer = self.is_open, self.viewer
        self.asked.set()
        await gate.wait()
        if self.is_failing:
            raise ConnectionError("no database")
        if viewer is None:
            raise UnauthenticatedError("The token speaks for nobody.")
        return viewer


async def joins(classroom: Classroom) -> None:
    await record_notice(translate(body_of(classroom.room.joined(classroom.stay(-2)))), at(-2))


async def ring(classroom: Classroom, door: Door) -> None:
    """Change what the teacher may do, and wait until the stream asks; the answer is held."""
    door.is_open = asyncio.Event()
    door.asked.clear()
    async with atomic() as tx:
        await doubt_rights(tx, [classroom.teacher.id], clock.now())
    await until(door.asked.is_set, "the door is asked")


def watching(streams: Streams, classroom: Classroom, door: Door) -> Opening:
    variables = {"id": encode(Kind.SESSION, classroom.session.id)}
    return streams.stream_for(classroom.teacher, door.ask, PRESENCE, variables)


@pytest.mark.parametrize("stays", [True, False])
async def test_changes_wait_until_the_right_to_see_them_is_confirmed(
    database: Database, stays: bool
) -> None:
    classroom = await ready()
    door = Door(make.viewer(classroom.teacher))
    async with streaming(at(-9)) as streams:
        async with watching(streams, classroom, door) as stream:
            await stream.next()
            door.viewer = door.viewer if stays else None
            await ring(classroom, door)
            await joins(classroom)
            assert await stream.is_silent()
            door.is_open.set()
            await (goes_on(stream) if stays else is_signed_out(stream))


async def goes_on(stream: Stream) -> None:
    assert (await stream.next())["statistics"]["inMeeting"] == 1


async def is_signed_out(stream: Stream) -> None:
    assert await stream.refusal() == "UNAUTHENTICATED"
    assert await stream.is_over()


async def test_nothing_is_sent_while_the_right_cannot_be_confirmed(
    database: Database,
) -> None:
    classroom = await ready()
    door = Door(make.viewer(classroom.teacher))
    async with streaming(at(-9)) as streams:
        async with watching(streams, classroom, door) as stream:
            await stream.next()
            door.is_failing = True
            await ring(classroom, door)
            door.is_open.set()
            await joins(classroom)
            assert await stream.is_silent()
            door.is_failing = False
            await streams.watchers.close_gaps()
            assert (await stream.next())["statistics"]["inMeeting"] == 1


async def test_a_second_doubt_asks_for_the_right_again(database: Database) -> None:
    """The answer to the first doubt is older than the change behind the second."""
    classroom = await ready()
    door = Door(make.viewer(classroom.teacher))
    async with streaming(at(-9)) as streams:
        async with watching(streams, classroom, door) as stream:
            await stream.next()
            await ring(classroom, door)
            first, door.is_open, door.viewer = door.is_open, asyncio.Event(), None
            async with atomic() as tx:
                await doubt_rights(tx, [classroom.teacher.id], clock.now())
            await joins(classroom)
            first.set()
            assert await stream.is_silent()
            door.is_open.set()
            await is_signed_out(stream)


async def test_a_token_that_expires_ends_the_stream(database: Database) -> None:
    classroom = await ready()
    door = Door(replace(make.viewer(classroom.teacher), expires_at=at(-9, seconds=0.2)))
    async with streaming(at(-9)) as streams:
        async with watching(streams, classroom, door) as stream:
            await stream.next()
            await is_signed_out(stream)


async def test_the_backstop_checks_a_date_that_could_not_be_checked_before(
    database: Database,
) -> None:
    """No hint is published for a date, so no version was counted up either."""
    classroom = await ready(students=2)
    soon = Membership.filter(user_id=classroom.student.id)
    await soon.update(active_until=at(-9, seconds=0.1))
    door = Door(make.viewer(classroom.student))
    variables = {"id": encode(Kind.SESSION, classroom.session.id)}
    async with streaming(at(-9)) as streams:
        async with streams.stream_for(classroom.student, door.ask, EVENTS, variables) as stream:
            await stream.next()
            door.is_failing = True
            door.asked.clear()
            await until(door.asked.is_set, "the door is asked")
            await cancel_session(make.viewer(classroom.teacher), classroom.session.id, None, at(-5))
            assert await stream.is_silent()
            door.is_failing = False
            await streams.watchers.close_gaps()
            assert (await stream.next())["__typename"] == "StatusChanged"


async def test_nobody_is_kept_in_mind_once_they_are_gone(database: Database) -> None:
    classroom = await ready()
    async with streaming(at(-9)) as streams:
        async with streams.presence(classroom.session.id, classroom.teacher) as stream:
            await stream.next()
            assert streams.watchers.watching == {classroom.teacher.id: 1}
        assert streams.watchers.watching == {}


async def test_a_stream_that_ends_while_its_right_is_asked_is_not_waited_for() -> None:
    viewer = Viewer(1, UserRole.STUDENT, 1, expires_at=at(60))
    may, asked = asyncio.Event(), asyncio.Event()

    async def admit(viewer: Viewer, now: datetime) -> Footing:
        asked.set()
        await may.wait()
        return Footing(Audience.PARTICIPANT)

    async def ask() -> Viewer:
        return viewer

    context = Context(cast(Any, None), viewer, at(0), ask)
    right = Right(context, admit, lambda: at(0), lambda: None)
    may.set()
    await right.start()
    may.clear()
    asked.clear()
    right.doubt()
    asking = asyncio.create_task(reauthorise([right], at(0)))
    await asked.wait()
    right.close()
    may.set()
    await asking
    assert right.is_sure
    assert right._timer is not None
    assert right._timer.cancelled()


async def test_the_rights_of_any_number_of_people_are_reviewed_at_once(database: Database) -> None:
    """There are more people than a statement takes parameters."""
    student = await make.student(await make.academy())
    assert student.rights_version == 0
    async with atomic() as tx:
        await doubt_rights(tx, range(1, 40_000), clock.now())
    assert (await User.get(id=student.id)).rights_version == 1
