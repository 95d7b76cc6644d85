"""A person who arrives is read once, and a right that changes meanwhile is noticed all the same."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, cast

import pytest
from websockets.asyncio.client import ClientConnection

import clock
from actions.identity.access_tokens import issue
from domain.access import Audience, UserRole, Viewer
from domain.errors import ForbiddenError, NotFoundError
from execution.context import Context
from main import App
from models import RefreshToken, User
from models.database import sql
from settings import current
from subscriptions.backstop import Backstop
from subscriptions.right import Footing
from subscriptions.session_access import SessionAccess
from tests.conftest import Database, Template
from tests.support import make
from tests.support.app import headers
from tests.support.classrooms import at, ready
from tests.support.patience import until
from tests.support.sockets import dial, ended, heard, subscribe
from tests.support.statements import counting
from tests.support.streams import streaming
from tests.support.watching import ROSTER, SESSION
from tests.support.withdrawals import School, deactivate, school

COUNT_UP = "UPDATE users SET rights_version = rights_version + 1 WHERE id = $1"


@pytest.fixture(autouse=True)
def only_the_bus(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stop the backstop: it runs only where a test is about it."""
    monkeypatch.setattr(Backstop, "start", lambda backstop, stop_listening: None)


@asynccontextmanager
async def arriving(at: School, authorization: dict[str, str]) -> AsyncIterator[ClientConnection]:
    """A socket whose person is signed in."""
    async with dial(at.served.url) as socket:
        await socket.send(json.dumps({"type": "connection_init", "payload": authorization}))
        assert await heard(socket) == {"type": "connection_ack"}
        yield socket


async def watch(at: School, socket: ClientConnection, query: str = SESSION) -> Any:
    await socket.send(subscribe(query, variables={"session": at.there.id("mine")}))
    return await heard(socket)


@asynccontextmanager
async def late(change: Callable[[], Awaitable[object]]) -> AsyncIterator[None]:
    """Change something after the next viewer was read, and before anybody knows that they came."""
    real = App.viewer
    with pytest.MonkeyPatch.context() as patch:

        async def viewer(app: App, authorization: str | None) -> Viewer | None:
            found = await real(app, authorization)
            patch.undo()
            await change()
            return found

        patch.setattr(App, "viewer", viewer)
        yield


def readings(sent: list[str]) -> list[str]:
    """The statements that read who somebody is: by a token, their version, or their sign-in.

    A hub reads people too, for their names.
    """
    words = ("NOT is_service", "SELECT id, rights_version", "refresh_tokens")
    return [one for one in sent if any(word in one for word in words)]


async def test_a_person_is_read_once_for_a_socket_and_its_subscriptions(
    template: Template,
) -> None:
    async with school(template) as at:
        async with at.watch("classmate", session="mine"):  # the hub is open
            with counting() as sent:
                async with arriving(at, headers(at.there["student"])) as socket:
                    for _ in range(3):
                        assert (await watch(at, socket))["type"] == "next"
                        await socket.send('{"id":"1","type":"complete"}')
            assert len([one for one in readings(sent) if "NOT is_service" in one]) == 1
            assert len(readings(sent)) == 4  # and for each subscription whether that is still so
            assert len([one for one in sent if 'FROM "session_participants"' in one]) == 3


async def test_a_sign_in_costs_one_statement_more(template: Template) -> None:
    async with school(template) as at:
        student = at.there["student"]
        now = clock.now()
        await RefreshToken.create(
            user_id=student.id, family="f", token_hash="h", issued_at=now, expires_at=now
        )
        secret = current().jwt_secret.get_secret_value()
        token = issue(secret, student, now, family="f")[0]
        with counting() as sent:
            async with arriving(at, {"Authorization": f"Bearer {token}"}):
                pass
        assert len(readings(sent)) == 2
        await RefreshToken.filter(family="f").update(revoked_at=now)
        async with dial(at.served.url) as socket:
            payload = {"Authorization": f"Bearer {token}"}
            await socket.send(json.dumps({"type": "connection_init", "payload": payload}))
            assert await ended(socket) == (4403, "Forbidden")


async def test_a_change_that_was_heard_while_they_were_read_closes_the_socket_at_once(
    template: Template,
) -> None:
    async with school(template) as at:
        watchers = at.served.app.process.watchers

        async def change() -> None:
            before = watchers.doubts_so_far
            await deactivate(at)
            await until(lambda: watchers.doubts_so_far > before, "the hint is heard")

        async with late(change):
            async with arriving(at, headers(at.there["student"])) as socket:
                assert await ended(socket) == (4403, "Forbidden")


async def test_a_change_that_was_not_heard_is_found_by_the_backstop(template: Template) -> None:
    async with school(template) as at:
        student, watchers = at.there["student"], at.served.app.process.watchers

        async def change() -> None:
            await User.filter(id=student.id).update(is_active=False)
            await sql.execute(COUNT_UP, student.id)

        async with late(change):
            async with arriving(at, headers(student)) as socket:
                await socket.send('{"type":"ping"}')
                assert await heard(socket) == {"type": "pong"}
                await watchers.close_gaps()
                assert await ended(socket) == (4403, "Forbidden")


async def test_a_reading_that_is_older_than_the_last_review_is_not_believed(
    template: Template,
) -> None:
    """The review of another socket took the new version to its heart before this one came."""
    async with school(template) as at:
        person, watchers = at.there["supervisor"], at.served.app.process.watchers

        async def change() -> None:
            await User.filter(id=person.id).update(role=UserRole.STUDENT)
            await sql.execute(COUNT_UP, person.id)
            await watchers.close_gaps()

        async with arriving(at, headers(person)):
            async with late(change):
                async with arriving(at, headers(person)) as socket:
                    assert (await watch(at, socket, ROSTER))["type"] == "error"


async def test_a_socket_that_closes_is_forgotten(template: Template) -> None:
    async with school(template) as at:
        watchers = at.served.app.process.watchers
        async with arriving(at, headers(at.there["student"])) as socket:
            await watch(at, socket)
            assert watchers.watching == {at.there["student"].id: 2}
        await until(lambda: watchers.watching == {}, "everybody is forgotten")


async def test_a_right_that_starts_while_the_backstop_finds_a_change_is_asked_again(
    database: Database,
) -> None:
    classroom = await ready()
    teacher = classroom.teacher
    asked = 0
    async with streaming(at(-9)) as streams:

        async def admit(viewer: Viewer, now: datetime) -> Footing:
            nonlocal asked
            asked += 1
            if asked > 1:
                raise NotFoundError("No such session.")
            await sql.execute(COUNT_UP, teacher.id)
            await streams.watchers.close_gaps()
            return Footing(Audience.STAFF)

        context = Context(cast(Any, None), make.viewer(teacher), at(-9))
        async with streams.watchers.holding(context, admit) as right:
            with pytest.raises(ForbiddenError):
                await right.start()


async def test_a_question_that_no_database_takes_fails_alone(database: Database) -> None:
    classroom = await ready()
    viewer = make.viewer(classroom.teacher)
    async with streaming(at(-9)) as streams:

        async def start(session_id: int) -> Audience:
            context = Context(cast(Any, None), viewer, at(-9))
            access = SessionAccess(session_id)
            async with streams.watchers.holding(context, access) as right:
                return await right.start()

        ids = (classroom.session.id, 2**70, classroom.session.id)
        first, poison, last = await asyncio.gather(*map(start, ids), return_exceptions=True)
        assert (first, last) == (Audience.STAFF, Audience.STAFF)
        assert isinstance(poison, Exception)
