"""Databases for the tests: each test that asks for one gets its own, empty and migrated."""

import asyncio
import os
import shutil
import signal
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Protocol

import pytest
from hypothesis import HealthCheck, settings

from actions.webhooks.door import door
from actions.webhooks.rejections import rejections
from models.database.connection import Dialect, close_database, dialect, open_database
from models.database.migration_runner import migrate
from tests.support import environment, postgres, redis
from zones import check_zone_data

assert environment.DEFAULTS  # importing it sets the environment
assert check_zone_data()  # the tests read the zones that the product reads

_numbers = count(1)


# Examples may take as long as a busy machine needs.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


def pytest_configure() -> None:
    """End the run on SIGTERM as on Ctrl-C, so that the PostgreSQL it started is stopped too."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


@pytest.hookimpl(trylast=True)  # after Hypothesis has marked its own
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Do not measure the coverage of generated examples: it triples their time, and it varies."""
    for item in items:
        if item.get_closest_marker("hypothesis"):
            item.add_marker("no_cover")


@dataclass(frozen=True)
class Database:
    """An open database; `url` is for a second process or a second connection."""

    url: str
    dialect: Dialect


class Template(Protocol):
    """A migrated, empty database that can be copied."""

    async def fresh(self) -> str:
        """The URL of an empty database. It may replace the one given before."""

    async def copy(self) -> str:
        """The URL of one more database."""

    async def blank(self) -> str:
        """The URL of a database without a table."""


@dataclass(frozen=True)
class SqliteTemplate:
    file: Path

    async def fresh(self) -> str:
        return await self.copy()

    async def copy(self) -> str:
        path = self.file.with_name(f"{next(_numbers)}.db")
        shutil.copyfile(self.file, path)
        return f"sqlite:///{path}"

    async def blank(self) -> str:
        return f"sqlite:///{self.file.with_name(f'{next(_numbers)}.db')}"


@dataclass
class PostgresTemplate:
    """One database serves all tests, emptied before each."""

    server: str
    name: str
    url: str = ""
    made: list[str] = field(default_factory=list)
    tables: list[str] = field(default_factory=list)

    async def fresh(self) -> str:
        if not self.url:
            self.url = await self.copy()
            self.tables = await postgres.run(self.url, postgres.TABLES)
        await postgres.empty(self.url, self.tables)
        return self.url

    async def copy(self) -> str:
        return await self._make(f'TEMPLATE "{self.name}"')

    async def blank(self) -> str:
        return await self._make("")

    async def discard(self) -> None:
        for name in [*self.made, self.name]:
            await postgres.run(self.server, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    async def _make(self, options: str) -> str:
        name = f"{self.name}_{next(_numbers)}"
        self.made.append(name)
        await postgres.run(self.server, f'CREATE DATABASE "{name}" {options}')
        return postgres.beside(self.server, name)


@pytest.fixture(params=["sqlite", "postgres"])
def template(request: pytest.FixtureRequest) -> Template:
    """The template for tests that make databases themselves; `indirect` chooses one kind."""
    found: Template = request.getfixturevalue(f"{request.param}_template")
    return found


@pytest.fixture
async def database(template: Template) -> AsyncIterator[Database]:
    """An open database for the whole process; it is closed and thrown away afterwards."""
    url = await template.fresh()
    await open_database(url)
    rejections.clear()
    door.clear()
    yield Database(url, dialect())
    await close_database()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> SqliteTemplate:
    file = tmp_path_factory.mktemp("sqlite") / "template.db"
    asyncio.run(migrate(f"sqlite:///{file}"))
    return SqliteTemplate(file)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    with postgres.running() as url:
        yield url


@pytest.fixture(scope="session")
def postgres_template(postgres_server: str) -> Iterator[PostgresTemplate]:
    template = PostgresTemplate(postgres_server, f"halaqa_test_{os.getpid()}")
    asyncio.run(postgres.run(postgres_server, f'CREATE DATABASE "{template.name}"'))
    asyncio.run(migrate(postgres.beside(postgres_server, template.name)))
    yield template
    asyncio.run(template.discard())


@pytest.fixture(scope="session")
def redis_server() -> Iterator[str]:
    """The URL of a Redis that all tests share."""
    with redis.running() as url:
        yield url


@pytest.fixture
def redis_url(redis_server: str) -> str:
    """The URL of that Redis, with nothing in it."""
    redis.empty(redis_server)
    return redis_server
