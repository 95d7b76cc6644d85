"""Prometheus can parse a server's metrics, and they change with what happens."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

import clock
from domain.access import UserRole
from models import Session, User
from routes.graphql import MAX_BODY_BYTES
from tests.conftest import Template
from tests.support import make
from tests.support.app import Served, headers, serving_app
from tests.support.exposition import Numbers, read, value
from tests.support.livekit_events import PATH, Room, Stay
from tests.support.livekit_stub import LiveKitStub
from tests.support.patience import see, until
from tests.support.sockets import dial, ended, heard, subscribe
from tests.support.webhooks import encode, sign


async def scrape(served: Served) -> Numbers:
    async with httpx.AsyncClient() as web:
        answer = await web.get(f"{served.url}/metrics")
    assert answer.status_code == 200
    return read(answer.text)


@pytest.fixture
async def served(template: Template, stub: LiveKitStub) -> AsyncIterator[Served]:
    async with serving_app(await template.fresh(), livekit_api_url=stub.url) as served:
        yield served


async def session_now() -> tuple[Session, User]:
    academy = await make.academy()
    teacher, student = await make.teacher(academy), await make.student(academy)
    now = clock.now()
    made = await make.session(academy, teacher, student=student, at=now, now=now)
    return await Session.get(id=made.id), student


async def deliver(served: Served, event: dict[str, Any], token: str | None = None) -> int:
    body, now = encode(event), clock.now()
    headers = {"Authorization": sign(body, now=now) if token is None else token}
    async with httpx.AsyncClient() as web:
        return (await web.post(served.url + PATH, content=body, headers=headers)).status_code


async def test_the_numbers_move_with_what_happens(served: Served) -> None:
    session, student = await session_now()
    before = await scrape(served)
    room, now = Room(session, session.scheduled_at), clock.now()
    joined = room.joined(Stay(student, now))
    for event in (joined, joined, joined | {"event": "track_published", "id": "EV_t"}):
        assert await deliver(served, event) == 200
    assert await deliver(served, joined, token="nonsense") == 401
    await served.ask("{ viewer { id } }", student)
    await served.ask("{ nonsense }", student)
    await served.ask('{ node(id: "x") { id } }')
    after = await scrape(served)

    def moved(name: str, **labels: str) -> float:
        return value(after, name, **labels) - value(before, name, **labels)

    for outcome in ("APPLIED", "DUPLICATE", "IGNORED", "REJECTED"):
        assert moved("webhooks_total", outcome=outcome) == 1
    assert moved("webhook_seconds_count") == 4
    assert moved("graphql_operations_total", kind="QUERY", outcome="OK") == 1
    assert moved("graphql_operations_total", kind="QUERY", outcome="ERRORS") == 1
    assert moved("graphql_operations_total", kind="UNKNOWN", outcome="REFUSED") == 1
    assert moved("refusals_total", code="UNAUTHENTICATED") == 1
    assert moved("refusals_total", code="GRAPHQL_VALIDATION_FAILED") == 1


async def test_transitions_and_calls_to_livekit_are_counted(
    served: Served, stub: LiveKitStub
) -> None:
    before = await scrape(served)
    session, _ = await session_now()

    await until(lambda: session.room_name in stub.rooms)
    after = await scrape(served)
    for status in ("READY", "ONGOING"):
        moves = [value(numbers, "transitions_total", to=status) for numbers in (before, after)]
        assert moves[1] - moves[0] == 1
    made = {"method": "create_room", "outcome": "OK"}
    assert value(after, "livekit_calls_total", **made) > value(
        before, "livekit_calls_total", **made
    )
    assert value(after, "livekit_call_seconds_count", method="create_room") > 0


async def test_a_refused_sign_in_is_counted(served: Served) -> None:
    before = await scrape(served)
    await served.ask('mutation { signIn(email: "a@b.c", password: "x") { errors { code } } }')
    after = await scrape(served)
    codes = [
        value(numbers, "refusals_total", code="INVALID_CREDENTIALS") for numbers in (before, after)
    ]
    assert codes[1] - codes[0] == 1


async def test_refused_tokens_are_counted_at_both_doors(served: Served) -> None:
    async def refused() -> float:
        return value(await scrape(served), "refusals_total", code="UNAUTHENTICATED")

    before, bad = await refused(), {"authorization": "Bearer bad"}
    async with httpx.AsyncClient(headers=bad) as web:
        for number in (1, 2):
            assert (await web.post(f"{served.url}/graphql", json={})).status_code == 401
            assert await refused() == before + number
    async with dial(served.url) as socket:
        await socket.send(json.dumps({"type": "connection_init", "payload": bad}))
        assert await ended(socket) == (4403, "Forbidden")
    assert await refused() == before + 3


@pytest.mark.parametrize(
    ("content", "media_type", "code"),
    [
        (b"{", "application/json", "BAD_USER_INPUT"),
        (b"{}", "text/plain", "BAD_USER_INPUT"),
        (b" " * (MAX_BODY_BYTES + 1), "application/json", "LIMIT_EXCEEDED"),
    ],
)
async def test_requests_that_are_none_are_counted(
    served: Served, content: bytes, media_type: str, code: str
) -> None:
    before = await scrape(served)
    async with httpx.AsyncClient(headers={"content-type": media_type}) as web:
        answer = await web.post(f"{served.url}/graphql", content=content)
    assert answer.json()["errors"][0]["extensions"]["code"] == code
    counted = [
        value(numbers, "refusals_total", code=code) for numbers in (before, await scrape(served))
    ]
    assert counted[1] - counted[0] == 1


async def test_work_is_counted_by_how_it_ends(served: Served, stub: LiveKitStub) -> None:
    before = await scrape(served)
    await stub.go_down()
    await session_now()

    async def has_moved(outcome: str) -> bool:
        made = {"kind": "MAKE_ROOM", "outcome": outcome}
        numbers = await scrape(served)
        return see(value(numbers, "work_total", **made)) > value(before, "work_total", **made)

    await until(lambda: has_moved("PUT_OFF"))
    assert not await has_moved("DONE")
    await stub.come_up()
    await until(lambda: has_moved("DONE"))


WATCH = "subscription { systemStatus { isHealthy } }"


async def test_subscriptions_are_counted_while_they_run(served: Served) -> None:
    root = await make.user(None, UserRole.SUPER_ADMIN)

    async def running() -> float:
        return value(await scrape(served), "subscriptions_running")

    start = await running()
    async with dial(served.url) as socket:
        signed = {"authorization": headers(root)["Authorization"]}
        await socket.send(json.dumps({"type": "connection_init", "payload": signed}))
        assert (await heard(socket))["type"] == "connection_ack"
        await socket.send(subscribe(WATCH))
        assert (await heard(socket))["type"] == "next"
        assert await running() == start + 1
        await socket.send('{"type":"complete","id":"1"}')

        async def is_over() -> bool:
            return see(await running()) == start

        await until(is_over)


async def test_the_state_is_what_system_status_tells(served: Served, stub: LiveKitStub) -> None:
    async def is_well() -> bool:
        numbers = await scrape(served)
        return see(value(numbers, "clock_running")) == see(value(numbers, "healthy")) == 1

    await until(is_well)
    numbers = await scrape(served)
    assert 0 <= value(numbers, "clock_last_beat_age_seconds") < 6
    for component in ("database", "message_bus", "task_queue", "livekit"):
        assert value(numbers, "component_reachable", component=component) == 1
    await stub.go_down()

    async def is_told() -> bool:
        numbers = await scrape(served)
        reachable = see(value(numbers, "component_reachable", component="livekit"))
        return reachable == see(value(numbers, "healthy")) == 0

    await until(is_told)


async def test_no_label_names_anybody(served: Served) -> None:
    session, student = await session_now()
    room = Room(session, session.scheduled_at)
    await deliver(served, room.joined(Stay(student, clock.now())))
    await deliver(served, room.joined(Stay(student, clock.now())) | {"event": "brand_new"})
    known = {
        "outcome": {"APPLIED", "DUPLICATE", "IGNORED", "POISON", "REJECTED", "NOT_STORED"}
        | {"OK", "ERRORS", "REFUSED", "LiveKitRefusedError", "LiveKitUnavailableError"}
        | {"CancelledError", "DONE", "PUT_OFF", "GIVEN_BACK", "DEADLY"},
        "method": {"create_room", "delete_room", "list_rooms", "list_participants"}
        | {"remove_participant"},
    }
    labels = [label for _, labels in await scrape(served) for label in labels]
    assert {name for name, _ in labels} <= {
        "outcome",
        "method",
        "kind",
        "code",
        "to",
        "le",
        "component",
    }
    for name, words in known.items():
        assert {told for label, told in labels if label == name} <= words


@pytest.mark.parametrize("template", ["sqlite"], indirect=True)
async def test_the_settings_say_who_may_read_the_numbers(template: Template) -> None:
    url, public = await template.fresh(), "https://halaqa.example.org"
    token = SecretStr("a-token-of-the-operator-of-this")
    bearer = {"authorization": f"Bearer {token.get_secret_value()}"}
    for changed, plain, with_token in (
        ({}, 200, 200),
        ({"public_url": public}, 404, 404),
        ({"public_url": public, "metrics_token": token}, 401, 200),
    ):
        async with serving_app(url, **changed) as served, httpx.AsyncClient() as web:
            address = f"{served.url}/metrics"
            assert (await web.get(address)).status_code == plain
            assert (await web.get(address, headers=bearer)).status_code == with_token


@pytest.mark.parametrize("template", ["sqlite"], indirect=True)
async def test_no_browser_takes_an_answer_for_something_else_or_keeps_it(
    template: Template,
) -> None:
    async with serving_app(await template.fresh()) as served, httpx.AsyncClient() as web:
        for path in ("/health/live", "/health/ready", "/metrics", "/graphql?query={viewer{id}}"):
            answer = await web.get(served.url + path)
            assert answer.headers["x-content-type-options"] == "nosniff", path
            assert answer.headers["cache-control"] == "no-store", path
        for refused in (
            await web.post(f"{served.url}/graphql", content="no JSON"),
            await web.get(f"{served.url}/graphql", headers={"authorization": "Bearer bad"}),
        ):
            assert refused.status_code >= 400
            assert refused.headers["x-content-type-options"] == "nosniff"
