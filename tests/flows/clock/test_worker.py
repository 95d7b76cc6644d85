"""The worker's command says why it cannot run."""

import pytest

from tests.conftest import Database
from tests.support.command import configured, run

TOLD = (
    "A worker needs PostgreSQL and Redis: give a PostgreSQL in HALAQA_DATABASE_URL "
    "and a Redis in HALAQA_REDIS_URL.\n"
)


@pytest.mark.parametrize("template", ["sqlite"], indirect=True)
async def test_a_worker_on_sqlite_is_refused(database: Database) -> None:
    ended = await run("worker", env=configured(database.url, redis_url="redis://127.0.0.1:1/0"))
    assert (ended.code, ended.out, ended.err) == (1, "", TOLD)


async def test_a_worker_without_redis_is_refused(database: Database) -> None:
    ended = await run("worker", env=configured(database.url))
    assert (ended.code, ended.out, ended.err) == (1, "", TOLD)
