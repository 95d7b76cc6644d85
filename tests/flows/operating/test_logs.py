"""The logs of a whole class are JSON, and name nobody."""

import json
import logging
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO

import httpx
import pytest
from tortoise.exceptions import BaseORMException

import clock
import telemetry
from domain.access import UserRole
from models import Session, User
from schema.types.ids import Kind, encode
from tests.conftest import Database, Template
from tests.support import make
from tests.support.app import headers, serving_app
from tests.support.livekit_events import PATH, Room, Stay
from tests.support.livekit_stub import LiveKitStub
from tests.support.patience import until
from tests.support.sockets import dial, heard, subscribe
from tests.support.webhooks import SECRET, sign
from tests.support.webhooks import encode as as_body

PASSWORD = "a password that nobody should read"
TOKEN = """mutation($id: ID!) {
  createMeetingToken(input: {sessionId: $id}) { token { accessToken } errors { code } }
}"""
WATCH = "subscription($id: ID!) { sessionPresence(sessionId: $id) { version } }"


@pytest.fixture
def log() -> Iterator[StringIO]:
    """All that a process would write, down to the lowest level."""
    written = StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(telemetry.JsonLines())
    root = logging.getLogger("halaqa")
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield written
    root.removeHandler(handler)
    root.setLevel(level)


async def people() -> tuple[Session, User, User]:
    academy = await make.academy()
    names = {"first_name": "Zulaykha", "last_name": "Al-Farahidi"}
    teacher = await make.teacher(academy, first_name="Sibawayh", email="sibawayh@example.org")
    student = await make.student(academy, **names, email="zulaykha@example.org")
    now = clock.now()
    made = await make.session(
        academy, teacher, student=student, at=now, now=now, title="A title of theirs"
    )
    return await Session.get(id=made.id), teacher, student


async def test_a_class_from_its_token_to_its_end_leaves_no_name_in_the_log(
    template: Template, log: StringIO
) -> None:
    async with LiveKitStub() as stub:
        async with serving_app(await template.fresh(), livekit_api_url=stub.url) as served:
            session, teacher, student = await people()
            session_id = encode(Kind.SESSION, session.id)
            made = await served.ask(TOKEN, student, id=session_id)
            meeting_token = made["data"]["createMeetingToken"]["token"]["accessToken"]
            bearer = headers(teacher)["Authorization"]
            sign_in = 'mutation { signIn(email: "%s", password: "%s") { errors { code } } }'
            await served.ask(sign_in % ("zulaykha@example.org", PASSWORD))
            async with dial(served.url) as socket:
                init = {"type": "connection_init", "payload": {"authorization": bearer}}
                await socket.send(json.dumps(init))
                await heard(socket)
                await socket.send(subscribe(WATCH, variables={"id": session_id}))
                await heard(socket)
                bodies = await tell(served.url, session, student)
                # Add trouble: a room that cannot be made, and a poison webhook.
                await stub.go_down()
                await trouble(served.url)
                root = await make.user(None, UserRole.SUPER_ADMIN)
                await served.ask("{ systemStatus { isHealthy } }", root)

                await until(lambda: "loop in trouble" in log.getvalue())
    text = log.getvalue()
    lines = [json.loads(line) for line in text.splitlines()]
    assert lines
    assert all({"at", "level", "logger", "message"} <= set(line) for line in lines)
    secrets = [meeting_token, bearer.removeprefix("Bearer "), PASSWORD, SECRET, *bodies]
    names = ["Zulaykha", "Farahidi", "Sibawayh", "@example.org", "A title of theirs"]
    assert [one for one in secrets + names if one in text] == []


async def tell(url: str, session: Session, student: User) -> list[str]:
    """Post a join and a leave; return the signatures of their bodies."""
    now = clock.now()
    room, stay = Room(session, session.scheduled_at), Stay(student, now - timedelta(seconds=5))
    signatures = []
    async with httpx.AsyncClient() as web:
        for event in (room.started(), room.joined(stay), room.left(stay, now)):
            body = as_body(event)
            signature = sign(body, now=now)
            answer = await web.post(url + PATH, content=body, headers={"Authorization": signature})
            assert answer.status_code == 200
            signatures.append(signature)
    return signatures


async def trouble(url: str) -> None:
    body = as_body({"name": "Zulaykha", "id": None})
    async with httpx.AsyncClient() as web:
        for signature in (sign(body, now=clock.now()), "Zulaykha"):
            await web.post(url + PATH, content=body, headers={"Authorization": signature})
        await web.post(f"{url}/graphql", json={"query": '{ node(id: "Zulaykha") { nothing } }'})


async def test_an_error_of_the_database_is_logged_without_what_a_person_sent(
    database: Database, log: StringIO
) -> None:
    academy = await make.academy()
    await make.student(academy, email="zulaykha@example.org")
    described = ""
    for email in ("zulaykha@example.org", "zulaykha" * 50):
        try:
            await make.student(academy, email=email)
        except BaseORMException as error:
            logging.getLogger("halaqa.trial").exception("not stored")
            described += telemetry.describe(error)
    logging.getLogger("halaqa.trial").error("not read", exc_info=ValueError("a text of ours"))
    twice, too_long, ours = [json.loads(line)["error"] for line in log.getvalue().splitlines()]
    assert "zulaykha" not in twice + too_long + described
    assert "tortoise.exceptions.IntegrityError" in twice
    assert "tests/support/make.py" in twice
    driver = {"sqlite": "SQLITE_CONSTRAINT_UNIQUE", "postgres": "UniqueViolationError"}
    assert driver[database.dialect] in twice
    assert "tortoise.exceptions.ValidationError" in too_long
    assert ours.endswith("ValueError: a text of ours")
    assert telemetry.describe(OSError("LiveKit is away")) == "OSError: LiveKit is away"


async def test_a_line_is_one_object_whatever_is_in_it(log: StringIO) -> None:
    logging.getLogger("halaqa.trial").warning("two\nlines", extra={"session": 7})
    [line] = [json.loads(line) for line in log.getvalue().splitlines()]
    assert (line["message"], line["session"], line["level"]) == ("two\nlines", 7, "WARNING")
