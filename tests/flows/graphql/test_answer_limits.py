"""An answer above the limit is not written, neither over HTTP nor on a socket."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

import clock
from domain.access import UserRole
from execution.answers import ANSWER_MAX_BYTES
from models import Academy, Session, User
from schema.types.ids import Kind, encode
from tests.conftest import Template
from tests.support import make
from tests.support.app import Served, headers, serving_app
from tests.support.sockets import dial, heard, subscribe

NOTES = "ن" * 20_000  # two bytes each
TIMES = ANSWER_MAX_BYTES // 40_000 + 1
TOO_MANY = " ".join(f"a{n}: notes" for n in range(TIMES))
ALMOST = " ".join(f"a{n}: notes" for n in range(TIMES - 2))
READ = "query ($id: ID!) {{ session(id: $id) {{ {notes} }} }}"
UPDATE = (
    'mutation ($id: ID!) {{ updateSession(sessionId: $id, input: {{title: "Moved"}}) '
    "{{ session {{ {notes} }} errors {{ code }} }} }}"
)
FOLLOW = (
    "subscription ($id: ID!) {{ sessionEvents(sessionId: $id) {{ ... on SessionSnapshot "
    "{{ session {{ {notes} }} }} }} }}"
)


@pytest.fixture
async def served(template: Template) -> AsyncIterator[Served]:
    async with serving_app(await template.fresh()) as served:
        yield served


@pytest.fixture
async def admin(served: Served) -> User:
    return await make.user(await make.academy(), UserRole.ACADEMY_ADMIN)


@pytest.fixture
async def session(admin: User) -> Session:
    academy = await Academy.get(id=admin.academy_id)
    row = await make.session(
        academy,
        await make.teacher(academy),
        student=await make.student(academy),
        scheduled_at=clock.now() + timedelta(days=1),
    )
    await Session.filter(id=row.id).update(notes=NOTES)
    return row


def refusal(error: dict[str, object]) -> tuple[object, bool]:
    """The code, and whether the message says that the mutation was stored."""
    extensions = error["extensions"]
    assert isinstance(extensions, dict)
    return extensions["code"], str(error["message"]).endswith("What the mutation did stands.")


async def test_an_answer_that_is_too_long_has_an_error_instead(
    served: Served, admin: User, session: Session
) -> None:
    number = encode(Kind.SESSION, session.id)
    fits = await served.ask(READ.format(notes=ALMOST), admin, id=number)
    assert set(fits["data"]["session"].values()) == {NOTES}
    answer = await served.ask(READ.format(notes=TOO_MANY), admin, id=number)
    assert answer["data"] is None
    assert [refusal(error) for error in answer["errors"]] == [("LIMIT_EXCEEDED", False)]


async def test_a_mutation_whose_answer_is_too_long_is_stored_and_the_error_says_so(
    served: Served, admin: User, session: Session
) -> None:
    number = encode(Kind.SESSION, session.id)
    answer = await served.ask(UPDATE.format(notes=TOO_MANY), admin, id=number)
    assert answer["data"] is None
    assert [refusal(error) for error in answer["errors"]] == [("LIMIT_EXCEEDED", True)]
    assert (await Session.get(id=session.id)).title == "Moved"


async def test_an_answer_too_long_on_a_socket_is_an_error_and_ends_its_stream(
    served: Served, admin: User, session: Session
) -> None:
    variables = {"id": encode(Kind.SESSION, session.id)}
    async with dial(served.url, max_size=None) as socket:
        await socket.send(json.dumps({"type": "connection_init", "payload": headers(admin)}))
        assert await heard(socket) == {"type": "connection_ack"}
        for operation, is_mutation in ((READ, False), (UPDATE, True)):
            await socket.send(subscribe(operation.format(notes=TOO_MANY), variables=variables))
            frame = await heard(socket)
            assert (frame["type"], frame["payload"]["data"]) == ("next", None)
            (error,) = frame["payload"]["errors"]
            assert refusal(error) == ("LIMIT_EXCEEDED", is_mutation)
            assert await heard(socket) == {"id": "1", "type": "complete"}
        await socket.send(subscribe(FOLLOW.format(notes=TOO_MANY), variables=variables))
        frame = await heard(socket)
        assert frame["type"] == "error"
        assert [refusal(error) for error in frame["payload"]] == [("LIMIT_EXCEEDED", False)]
        await socket.send(subscribe(FOLLOW.format(notes=ALMOST), variables=variables))
        assert (await heard(socket))["type"] == "next"


async def test_nobody_signed_in_gets_more_of_the_schema_than_there_is(served: Served) -> None:
    types = "types { fields { name type { name } } }"
    many = " ".join(f"a{n}: __schema {{ {types} }}" for n in range(2))
    inside = "{ __schema { " + " ".join(f"a{n}: {types}" for n in range(60)) + " } }"
    long = "{ __schema { types { " + "x" * 65 + ": name } } }"
    for document in (f"{{ {many} }}", inside, long):
        answer = await served.ask(document)
        assert "data" not in answer
        assert {error["extensions"]["code"] for error in answer["errors"]} == {"LIMIT_EXCEEDED"}
