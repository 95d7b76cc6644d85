"""Schema changes keep the stored rows, on both databases."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tortoise.exceptions import IntegrityError, OperationalError

from models import VideoSettings
from models.database import sql
from models.database.connection import close_database, dialect, open_database
from models.database.migration_runner import ForeignKeyError, apply
from models.migrations import __main__ as writer
from tests.conftest import Template

SCRATCH = "tests.support.scratch"
ROOT = Path(__file__).parents[3]
MADE_AT = "'2026-03-01 09:00:00+00:00'"


async def migrate(url: str, until: str) -> None:
    await apply(url, modules=(SCRATCH,), migrations=f"{SCRATCH}.migrations", until=until)


@pytest.fixture
async def url(template: Template) -> AsyncIterator[str]:
    """A database with the first scratch migration, three shelves and six books."""
    url = await template.blank()
    await migrate(url, "0001_initial")
    await open_database(url, modules=(SCRATCH,))
    for shelf in (1, 2, 3):
        await add_shelf(f"'hall', {shelf}, {shelf == 1}, 'code {shelf}'")
        for title in ("first", "second"):
            await sql.execute("INSERT INTO books (shelf_id, title) VALUES ($1, $2)", shelf, title)
    yield url
    await close_database()


async def add_shelf(room_place_main_code: str) -> None:
    await sql.execute(
        "INSERT INTO shelves (room, place, is_main, code, label, made_at)"
        f" VALUES ({room_place_main_code}, 'label', {MADE_AT})"
    )


async def count(table: str) -> int:
    (row,) = await sql.query(f"SELECT count(*) AS n FROM {table}")
    return int(row["n"])


async def test_changing_a_parent_table_keeps_the_rows_that_refer_to_it(url: str) -> None:
    await migrate(url, "0002_longer_labels")
    assert await count("shelves") == 3
    assert await count("books") == 6
    await sql.execute("DELETE FROM shelves WHERE place = 1")
    assert await count("books") == 4


async def test_changing_a_table_keeps_its_unique_and_check_constraints(url: str) -> None:
    await migrate(url, "0002_longer_labels")
    for wrong in (
        "'hall', 2, false, 'new'",  # unique together
        "'hall', 9, false, 'code 2'",  # unique
        "'hall', 9, true, 'new'",  # unique where is_main
        "'hall', 0, false, 'new'",  # check
    ):
        with pytest.raises(IntegrityError):
            await add_shelf(wrong)
    await add_shelf("'hall', 9, false, 'new'")


async def test_changing_a_table_keeps_its_indexes_but_for_those_of_a_removed_column(
    url: str,
) -> None:
    before = await indexes()
    await migrate(url, "0002_longer_labels")
    assert before - await indexes() == {("colour",)}
    assert await indexes() <= before


async def indexes() -> set[tuple[str, ...]]:
    """The columns of each index of the table shelves."""
    rows = await sql.query(
        """
        SELECT list.name, info.name AS field FROM pragma_index_list('shelves') AS list
        JOIN pragma_index_info(list.name) AS info ORDER BY list.name, info.seqno
        """
        if dialect() == "sqlite"
        else """
        SELECT i.indexrelid AS name, a.attname AS field FROM pg_index i
        JOIN pg_attribute a ON a.attrelid = i.indexrelid WHERE i.indrelid = 'shelves'::regclass
        AND NOT i.indisprimary ORDER BY i.indexrelid, a.attnum
        """
    )
    columns: dict[str, list[str]] = {}
    for row in rows:
        columns.setdefault(str(row["name"]), []).append(str(row["field"]))
    return {tuple(names) for names in columns.values()}


async def test_ids_are_not_used_again_after_a_table_was_changed(url: str) -> None:
    await sql.execute("DELETE FROM shelves WHERE id = 3")
    await migrate(url, "0002_longer_labels")
    await add_shelf("'hall', 7, false, 'new'")
    assert [row["id"] for row in await sql.query("SELECT id FROM shelves WHERE place = 7")] == [4]


async def test_each_database_gets_its_own_statements(url: str) -> None:
    with pytest.raises((IntegrityError, OperationalError), match=r"titles stay|division by zero"):
        await sql.execute("UPDATE books SET title = 'other'")


async def test_a_migration_that_fails_leaves_everything_as_it_was(url: str) -> None:
    with pytest.raises(OperationalError, match="there_is_no_such_table"):
        await migrate(url, "0003_fails_half_way")
    assert await count("shelves") == 3
    rows = await sql.query("SELECT name FROM tortoise_migrations")
    assert [row["name"] for row in rows] == ["0001_initial"]


@pytest.mark.parametrize("template", ["sqlite"], indirect=True)
async def test_rows_that_would_point_to_nothing_stop_the_migration(url: str) -> None:
    await sql.execute("PRAGMA foreign_keys = OFF")
    await sql.execute("DELETE FROM shelves WHERE id = 3")
    with pytest.raises(ForeignKeyError, match="books"):
        await migrate(url, "0002_longer_labels")


async def test_applying_again_changes_nothing(url: str) -> None:
    await migrate(url, "0002_longer_labels")
    await migrate(url, "0002_longer_labels")
    assert await count("tortoise_migrations") == 2


async def test_four_processes_may_migrate_at_once(template: Template) -> None:
    url = await template.blank()
    code = "import asyncio, sys; from models.database.migration_runner import migrate; "
    command = (sys.executable, "-c", code + "asyncio.run(migrate(sys.argv[1]))", url)
    runs = [await asyncio.create_subprocess_exec(*command, cwd=ROOT) for _ in range(4)]
    assert [await run.wait() for run in runs] == [0, 0, 0, 0]
    await open_database(url)
    rows = await sql.query("SELECT name FROM tortoise_migrations")
    await close_database()
    assert len(rows) == len({row["name"] for row in rows}) == len(migrations())


def migrations() -> list[Path]:
    return list((ROOT / "models" / "migrations").glob("[0-9]*.py"))


async def test_the_migrations_say_what_the_models_say() -> None:
    assert [change.as_string() for change in await writer.changes()] == []


async def test_an_academy_of_the_first_release_gets_the_defaults_of_new_settings(
    template: Template,
) -> None:
    url = await template.blank()
    await apply(url, until="0002_indexes")
    await open_database(url)
    try:
        await sql.execute(
            "INSERT INTO academies (slug, name, timezone, locale, is_active, created_at)"
            f" VALUES ('noor', 'Noor', 'UTC', 'ar', true, {MADE_AT})"
        )
        await sql.execute(
            "INSERT INTO video_settings (academy_id, ready_minutes_before,"
            " completion_buffer_minutes, max_overtime_minutes, default_max_participants,"
            " max_duration_minutes, empty_timeout_seconds, token_ttl_minutes)"
            " VALUES (1, 7, 5, 0, 50, 120, 300, 180)"
        )
        await apply(url)
        settings = await VideoSettings.get(academy_id=1)
    finally:
        await close_database()
    assert (settings.ready_minutes_before, settings.meeting_creation_minutes_before) == (7, 15)
    assert settings.auto_create_meetings
    assert not settings.record_by_default
