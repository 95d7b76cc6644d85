"""The database as the commands meet it: reachable, migrated, and where it is SQLite, ours alone."""

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from pkgutil import iter_modules

from tortoise.exceptions import OperationalError

import settings
from cli.parts import Stop
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


def migrate() -> None:
    """Bring the database to the newest schema."""
    asyncio.run(_migrate(settings.current().database_url))


async def _migrate(url: str) -> None:
    await _open(url)
    await close_database()
    await apply_migrations(url)


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[None]:
    """A database that is there and migrated, or Stop."""
    file = _file(url)
    if file is not None and not file.exists():  # opening it would make it
        raise Stop(NOT_MIGRATED)
    await _open(url)
    try:
        if not await _is_migrated():
            raise Stop(NOT_MIGRATED)
        yield
    finally:
        await close_database()


def check_migrated(url: str) -> None:
    async def look() -> None:
        async with opened(url):
            pass

    asyncio.run(look())


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
        # Its message may have the address in it, and that the password.
        kind = type(error).__name__
        raise Stop(f"The database of HALAQA_DATABASE_URL does not open: {kind}.") from error


async def _is_migrated() -> bool:
    names = {module.name for module in iter_modules(migrations.__path__) if module.name[0] != "_"}
    try:
        rows = await sql.query("SELECT name FROM tortoise_migrations WHERE app = $1", "models")
    except OperationalError:
        return False
    return names <= {row["name"] for row in rows}


@contextmanager
def alone(url: str) -> Iterator[None]:
    """Where the database is SQLite, be the one process that serves it, or Stop.

    A lock on a file beside the database says so; the system drops it with the process.
    """
    file = _file(url)
    if file is None:
        yield
        return
    with _lock_file(file).open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Stop(NOT_ALONE) from None
        yield


def _lock_file(file: Path) -> Path:
    """One for all names of the database."""
    return Path(f"{os.path.realpath(file)}-lock")
