"""The rights of a person's many streams are reviewed at once, in a few statements."""

import asyncio
from contextlib import AsyncExitStack
from datetime import datetime
from typing import Any, cast

import pytest

from actions.writing.rights import doubt_own_rights
from domain.access import Audience, UserRole, Viewer
from domain.errors import ForbiddenError, NotFoundError
from execution.context import Context, ReadViewer
from main import App, Bearer
from models import Group, Session, SessionParticipant, User
from models.database.atomic import atomic
from schema.types.ids import Kind, encode
from settings import current
from subscriptions.right import Footing, Right
from tests.conftest import Database
from tests.support import make
from tests.support.classrooms import Classroom, at, ready
from tests.support.statements import counting
from tests.support.streams import EVENTS, PRESENCE, ROW, Stream, Streams, streaming

FEW = 8  # statements of a review: the doubts, the people and their rights


class Token:
    """Reads the viewer from the table, as a token does, and counts how often it is asked."""

    def __init__(self, user: User) -> None:
        self.user = user
        self.asked = 0

    async def ask(self) -> Any:
        self.asked += 1
        return make.viewer(await User.get(id=self.user.id))


async def ring(user: User) -> None:
    async with atomic() as tx:
        await doubt_own_rights(tx, [user.id])


async def reviewed(streams: Streams, user: User) -> list[str]:
    """The statements of one review of somebody's rights."""
    with counting() as sent:
        await streams.watchers.reauthorise(user.id)
    return sent


class Wall:
    """All streams of one person."""

    def __init__(
        self, streams: Streams, stack: AsyncExitStack, ask: ReadViewer, user: User
    ) -> None:
        self.streams, self.stack, self.ask, self.user = streams, stack, ask, user
        self.watched: list[Stream] = []

    async def watch(self, query: str, session: Session, **variables: str) -> None:
        variables = {"id": encode(Kind.SESSION, session.id), **variables}
        opened = self.streams.stream_for(self.user, self.ask, query, variables)
        self.watched.append(await self.stack.enter_async_context(opened))
        await self.watched[-1].next()

    async def refusals(self) -> set[str]:
        return set(await asyncio.gather(*(stream.refusal() for stream in self.watched)))


async def admin_of(classroom: Classroom) -> User:
    return await make.user(await classroom.session.academy, UserRole.ACADEMY_ADMIN)


async def test_many_streams_of_a_few_sessions_cost_a_few_statements(database: Database) -> None:
    classroom = await ready(students=2)
    admin = await admin_of(classroom)
    token = Token(admin)
    async with streaming(at(-9)) as streams, AsyncExitStack() as stack:
        wall = Wall(streams, stack, token.ask, admin)
        for _ in range(10):
            await wall.watch(EVENTS, classroom.session)
            await wall.watch(PRESENCE, classroom.session)
            for student in classroom.students:
                await wall.watch(ROW, classroom.session, user=encode(Kind.USER, student.id))
        token.asked = 0
        assert len(await reviewed(streams, admin)) <= FEW
        assert token.asked == 1
        await User.filter(id=admin.id).update(role=UserRole.STUDENT)
        await ring(admin)
        assert await wall.refusals() == {"FORBIDDEN"}


async def test_streams_of_many_sessions_cost_as_few(database: Database) -> None:
    classroom = await ready(students=2)
    teacher, (student, _) = classroom.teacher, classroom.students
    academy, group = await classroom.session.academy, await Group.get(id=classroom.session.group_id)
    sessions = [await make.session(academy, teacher, group=group) for _ in range(20)]
    for person in (teacher, student):
        async with streaming(at(-9)) as streams, AsyncExitStack() as stack:
            wall = Wall(streams, stack, Token(person).ask, person)
            for session in sessions:
                await wall.watch(EVENTS, session)
            assert len(await reviewed(streams, person)) <= FEW
            assert not any([not await stream.is_silent(0) for stream in wall.watched])


async def test_only_the_streams_whose_right_is_lost_end(database: Database) -> None:
    classroom = await ready(students=2)
    student = classroom.student
    academy, group = await classroom.session.academy, await Group.get(id=classroom.session.group_id)
    sessions = [await make.session(academy, classroom.teacher, group=group) for _ in range(4)]
    barred = sessions[1]
    async with streaming(at(-9)) as streams, AsyncExitStack() as stack:
        wall = Wall(streams, stack, Token(student).ask, student)
        for session in sessions:
            await wall.watch(EVENTS, session)
            await wall.watch(ROW, session, user=encode(Kind.USER, student.id))
        theirs = SessionParticipant.filter(session_id=barred.id, user_id=student.id)
        await theirs.update(barred_at=at(-9))
        await ring(student)
        for stream in wall.watched[2:4]:
            assert await stream.refusal() == "FORBIDDEN"
        for stream in wall.watched[:2] + wall.watched[4:]:
            assert await stream.is_silent(0.01)


async def test_tokens_of_one_person_are_asked_for_each_and_what_they_may_once(
    database: Database,
) -> None:
    classroom = await ready()
    tokens = [Token(classroom.teacher) for _ in range(3)]
    async with streaming(at(-9)) as streams, AsyncExitStack() as stack:
        for token in tokens:
            wall = Wall(streams, stack, token.ask, classroom.teacher)
            for _ in range(5):
                await wall.watch(PRESENCE, classroom.session)
            token.asked = 0
        sent = await reviewed(streams, classroom.teacher)
        assert [token.asked for token in tokens] == [1, 1, 1]
        assert sum('FROM "sessions"' in statement for statement in sent) == 1


async def test_a_storm_of_hints_is_two_reviews(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One review runs, and one more covers all hints that came meanwhile."""
    classroom = await ready()
    token = Token(classroom.teacher)
    async with streaming(at(-9)) as streams, AsyncExitStack() as stack:
        wall = Wall(streams, stack, token.ask, classroom.teacher)
        await wall.watch(PRESENCE, classroom.session)
        token.asked = 0
        reviews = (streams.watchers.reauthorise(classroom.teacher.id) for _ in range(200))
        await asyncio.gather(*reviews)
        assert token.asked == 2


async def test_a_right_doubted_while_a_stream_starts_is_asked_again_before_the_first_event() -> (
    None
):
    """The first answer is older than the change."""
    asked = 0

    async def admit(viewer: Viewer, now: datetime) -> Footing:
        nonlocal asked
        asked += 1
        if asked > 1:
            raise NotFoundError("No such session.")
        right.doubt()
        return Footing(Audience.STAFF)

    context = Context(cast(Any, None), Viewer(1, UserRole.TEACHER, 1), at(0))
    right = Right(context, admit, lambda: at(0), lambda: None)
    with pytest.raises(ForbiddenError):
        await right.start()
    assert right.lost.done()


def test_a_token_is_the_same_question_on_every_socket() -> None:
    app = App(current())
    told = ("Bearer one", "Bearer one", "Bearer two", None)
    contexts = [Context(cast(Any, None), None, at(0), Bearer(app, each)) for each in told]
    sources = [len({context.viewer_source for context in contexts[:n]}) for n in (2, 3, 4)]
    assert sources == [1, 2, 3]
