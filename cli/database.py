"""Opens the database for a command: it must be reachable, migrated and, on SQLite, ours alone."""

import fcntl
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from pkgutil import iter_modules

from tortoise.exceptions import OperationalError

import settings
from cli.parts import Stop, blocking
from models import migrations
from models.database import sql
from models.database.connection import close_database, open_database
from models.database.migration_runner import migrate as apply_migrations

SQLITE = "sqlite:///"
NOT_MIGRATED = "The database is not migrated: run `python main.py migrate` first."
NOT_ALONE = (
    "Another process serves this SQLite database, and SQLite takes only one at a time: "
    "stop that one, or give a PostgreSQL in HALAQA_DATABASE_URL."
)


@blocking
async def migrate() -> None:
    """Bring the database to the newest schema."""
    url = settings.current().database_url
    await _open(url)
    await close_database()
    await apply_migrations(url)


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[None]:
    """Open a database for the block. Raises Stop if it is missing or not migrated."""
    file = _file(url)
    if file is not None and not file.exists():  # opening it would create it
        raise Stop(NOT_MIGRATED)
    await _open(url)
    try:
        ours = {one.name for one in iter_modules(migrations.__path__) if one.name[0] != "_"}
        try:
            rows = await sql.query("SELECT name FROM tortoise_migrations WHERE app = $1", "models")
        except OperationalError:  # there is no such table
            rows = []
        if ours - {row["name"] for row in rows}:
            raise Stop(NOT_MIGRATED)
        yield
    finally:
        await close_database()


@blocking
async def check_migrated(url: str) -> None:
    """Raise Stop if a database is missing or not migrated."""
    async with opened(url):
        pass


def is_sqlite(url: str) -> bool:
    return url.startswith(SQLITE)


def _file(url: str) -> Path | None:
    return Path(url.removeprefix(SQLITE)) if is_sqlite(url) else None


async def _open(url: str) -> None:
    file = _file(url)
    if file is not None and not file.absolute().parent.is_dir():
        raise Stop("The folder of the SQLite file in HALAQA_DATABASE_URL does not exist.")
    try:
        await open_database(url)
    except Exception as error:
        # The error's message may hold the address, and so the password.
        kind = type(error).__name__
        raise Stop(f"The database of HALAQA_DATABASE_URL does not open: {kind}.") from error


@contextmanager
def alone(url: str) -> Iterator[None]:
    """Be the only process that serves a SQLite database. Raises Stop if another one does.

    The lock is on a file beside the database; the system drops it when the process ends.
    """
    file = _file(url)
    if file is None:
        yield
        return
    real_path = os.path.realpath(file)  # the same lock for every name of the database
    with Path(f"{real_path}-lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Stop(NOT_ALONE) from None
        yield
