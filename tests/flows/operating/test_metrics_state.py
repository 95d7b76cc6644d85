"""The system's state as numbers: whole, and served even when other parts are gone."""

from datetime import timedelta

import httpx
import pytest
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.routing import Route

from domain.system import ClockStatus, Component, SystemState, WebhookStatus
from routes.metrics import Metrics
from settings import current
from tests.support import make
from tests.support.exposition import read, value

NOW = make.ELEVEN
STATE = SystemState(
    as_of=NOW,
    clock=ClockStatus(
        is_running=True,
        last_beat_at=NOW - timedelta(seconds=2),
        skew_ms=250,
        overdue_sessions=3,
        oldest_overdue_seconds=40,
        overdue_work=4,
        untried_work=2,
        failed_work=5,
    ),
    webhooks=WebhookStatus(
        last_received_at=NOW - timedelta(seconds=30),
        received_last_hour=60,
        rejected_last_hour=7,
        poison_last_hour=8,
        is_silent=True,
    ),
    database=Component(True, "sqlite"),
    message_bus=Component(False, "gone"),
    task_queue=Component(True, ""),
    livekit=Component(True, ""),
)


class Desk:
    """The metrics alone: `state` is read, or raised if it is an exception."""

    def __init__(self, token: str | None = None, *, is_local: bool = True) -> None:
        self.reads = 0
        self.state: SystemState | Exception = STATE
        public_url = "http://127.0.0.1:8000" if is_local else "https://halaqa.example.org"
        changed = {"public_url": public_url, "metrics_token": SecretStr(token) if token else None}
        self.metrics = Metrics(self.read, current().model_copy(update=changed))

    async def read(self) -> SystemState:
        self.reads += 1
        if isinstance(self.state, Exception):
            raise self.state
        return self.state

    async def get(self, **headers: str) -> httpx.Response:
        app = Starlette(routes=[Route("/metrics", self.metrics.answer)])
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as web:
            return await web.get("/metrics", headers=headers)


async def test_every_number_of_the_state_is_there() -> None:
    numbers = read((await Desk().get()).text)
    told = {
        "clock_running": 1,
        "clock_last_beat_age_seconds": 2,
        "clock_skew_seconds": 0.25,
        "overdue_sessions": 3,
        "oldest_overdue_seconds": 40,
        "overdue_work": 4,
        "untried_work": 2,
        "failed_work": 5,
        "webhook_last_age_seconds": 30,
        "webhooks_received_last_hour": 60,
        "webhooks_rejected_last_hour": 7,
        "webhooks_poison_last_hour": 8,
        "webhooks_silent": 1,
        "healthy": 0,
    }
    assert {name: value(numbers, name) for name in told} == told
    assert value(numbers, "component_reachable", component="message_bus") == 0
    assert value(numbers, "component_reachable", component="livekit") == 1


async def test_without_the_database_it_says_so_and_leaves_out_what_it_cannot_know() -> None:
    desk = Desk()
    desk.state = OSError("password=secret")
    answer = await desk.get()
    numbers = read(answer.text)
    assert answer.status_code == 200
    assert ("halaqa_component_reachable", frozenset({("component", "database")})) in numbers
    assert value(numbers, "component_reachable", component="database") == 0
    assert value(numbers, "healthy") == 0
    assert not [name for name, _ in numbers if name.startswith("halaqa_clock")]
    assert (
        "halaqa_webhook_seconds_count",
        frozenset(),
    ) in numbers  # its own number is there
    assert "secret" not in answer.text


async def test_a_public_server_without_a_token_has_no_metrics() -> None:
    desk = Desk(is_local=False)
    assert (await desk.get()).status_code == 404
    assert (await desk.get(authorization="Bearer ")).status_code == 404
    assert desk.reads == 0


@pytest.mark.parametrize("is_local", [True, False])
async def test_with_a_token_metrics_are_for_those_who_have_it(is_local: bool) -> None:
    desk = Desk("a-token-of-the-operator", is_local=is_local)
    wrong = ("", "Bearer", "Bearer a-token-of-the-operato", "Basic a-token-of-the-operator")
    for authorization in wrong:
        refused = await desk.get(authorization=authorization)
        assert (refused.status_code, refused.text) == (401, "")
        assert refused.headers["www-authenticate"] == "Bearer"
    assert (await desk.get()).status_code == 401
    assert desk.reads == 0
    forwarded = {"x-forwarded-for": "192.0.2.1"}  # a token is as good from afar
    told = await desk.get(authorization="bearer a-token-of-the-operator", **forwarded)
    assert told.status_code == 200
    assert desk.reads == 1


@pytest.mark.parametrize(
    "header",
    [
        "x-forwarded-for",
        "x-forwarded-host",
        "X-Forwarded-Port",
        "forwarded",
        "via",
        "x-real-ip",
        "CF-Connecting-IP",
        "true-client-ip",
    ],
)
async def test_metrics_are_not_served_through_a_proxy(header: str) -> None:
    desk = Desk()
    assert (await desk.get(**{header: "for=192.0.2.1"})).status_code == 404
    assert desk.reads == 0


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("halaqa.example.org", 404),
        ("127.0.0.1.example.org", 404),
        ("192.0.2.1:8000", 404),
        ("[bad", 404),
        ("", 404),
        ("localhost:8000", 200),
        ("[::1]:8000", 200),
        ("127.0.0.1", 200),
    ],
)
async def test_metrics_without_a_token_are_not_for_another_hosts_name(
    host: str, status: int
) -> None:
    desk = Desk()
    assert (await desk.get(host=host)).status_code == status
    assert desk.reads == (status == 200)
