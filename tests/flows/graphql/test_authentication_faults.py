"""When the viewer cannot be found out, the answer is still GraphQL's and hides the reason."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from domain.access import UserRole
from models import User
from models.database import sql
from tests.conftest import Template
from tests.support import make, postgres
from tests.support.app import Served, headers, serving_app
from tests.support.exposition import read, value

LOCKED = 'ALTER DATABASE "{name}" ALLOW_CONNECTIONS {allowed}'
CUT = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"


@pytest.fixture
async def served(template: Template) -> AsyncIterator[Served]:
    async with serving_app(await template.fresh()) as served:
        yield served


async def ask(served: Served, user: User) -> httpx.Response:
    async with httpx.AsyncClient() as web:
        url, body = f"{served.url}/graphql", {"query": "{ viewer { id } }"}
        return await web.post(url, json=body, headers=headers(user))


async def faults(served: Served) -> float:
    async with httpx.AsyncClient() as web:
        numbers = read((await web.get(f"{served.url}/metrics")).text)
    return value(numbers, "refusals_total", code="INTERNAL")


def failures(log: pytest.LogCaptureFixture) -> int:
    return [record.message for record in log.records].count("execution failed")


def assert_masked(answer: httpx.Response, status: int) -> None:
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/json")
    assert answer.json() == {
        "errors": [{"message": "Internal error.", "extensions": {"code": "INTERNAL"}}]
    }


async def test_a_fault_is_masked_counted_and_logged_once(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    root = await make.user(None, UserRole.SUPER_ADMIN)
    before = await faults(served)
    await sql.execute("ALTER TABLE users RENAME TO elsewhere")
    assert_masked(await ask(served, root), 500)
    assert (await faults(served) - before, failures(caplog)) == (1, 1)
    await sql.execute("ALTER TABLE elsewhere RENAME TO users")
    assert (await ask(served, root)).json()["data"]["viewer"]


@pytest.mark.parametrize("template", ["postgres"], indirect=True)
async def test_a_database_that_lets_nobody_in_is_a_503(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    root = await make.user(None, UserRole.SUPER_ADMIN)
    async with closed(served):
        assert_masked(await ask(served, root), 503)
        assert failures(caplog) == 1
    assert (await ask(served, root)).json()["data"]["viewer"]


@asynccontextmanager
async def closed(served: Served) -> AsyncIterator[None]:
    """The database refuses new connections and has no open one."""
    url = served.app.settings.database_url
    name = (await postgres.run(url, "SELECT current_database()"))[0]
    server = postgres.beside(url, "postgres")
    await postgres.run(server, LOCKED.format(name=name, allowed="false"))
    try:
        await postgres.run(server, CUT.format(name=name))
        yield
    finally:
        await postgres.run(server, LOCKED.format(name=name, allowed="true"))
