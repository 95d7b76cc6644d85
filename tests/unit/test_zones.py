"""Zone data come from the pinned package, whatever older files the system has."""

import ast
import json
import os
import re
import struct
import subprocess
import sys
import zoneinfo
from pathlib import Path

import pytest

import zones
from zones import RELEASE, ZoneDataError, check_zone_data, zone_names

ROOT = Path(__file__).parents[2]
CASABLANCA = "Africa/Casablanca"

# Prints the offset of Casablanca by the system's files, by ours, and what the gate says at 20:30
# UTC of a window from 20:00 to 21:00.
ASK = """
import json, zoneinfo
from datetime import UTC, datetime
at = datetime(2026, 11, 30, 20, 30, tzinfo=UTC)
before = str(at.astimezone(zoneinfo.ZoneInfo("Africa/Casablanca")).utcoffset())
from models import Academy, VideoSettings
settings = VideoSettings(meeting_creation_time_start="20:00", meeting_creation_time_end="21:00")
gate = settings.gate(Academy(timezone="Africa/Casablanca"))
ours = str(at.astimezone(gate.zone).utcoffset())
print(json.dumps([before, ours, gate.refusal(at)], default=str))
"""


def old_zone(hours: int) -> bytes:
    """A zone file with one offset for ever, as the data of 2025 have it for Casablanca."""
    counts = struct.pack(">6l", 0, 0, 0, 0, 1, 4)
    return b"TZif" + bytes(16) + counts + struct.pack(">lBB", hours * 3600, 0, 0) + b"+01\0"


@pytest.fixture
def old_system(tmp_path: Path) -> dict[str, str]:
    """An environment whose zone files say that Casablanca is an hour ahead."""
    (tmp_path / "Africa").mkdir()
    (tmp_path / CASABLANCA).write_bytes(old_zone(1))
    return os.environ | {"PYTHONTZPATH": str(tmp_path)}


def run(*arguments: str, env: dict[str, str]) -> str:
    command = [sys.executable, *arguments]
    return subprocess.run(  # noqa: S603 - our own words
        command, env=env, cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout


def test_casablanca_is_let_through_its_own_window_beside_old_zone_files(
    old_system: dict[str, str],
) -> None:
    before, ours, refusal = json.loads(run("-c", ASK, env=old_system))
    assert before == "1:00:00"  # the old file is there, and Python reads it first
    assert (ours, refusal) == ("0:00:00", None)


def test_a_command_heals_itself_and_tells_the_release(old_system: dict[str, str]) -> None:
    shown = json.loads(run("main.py", "settings", "show", "--json", env=old_system))
    assert shown["tzdata"] == {"value": RELEASE, "source": "package"}


@pytest.mark.parametrize("module", ["main", "processes", "cli.program", "models", "api"])
def test_whatever_is_imported_first_leaves_the_systems_files_unread(module: str) -> None:
    """So it is also in the children of `serve --workers`, in a worker, and in a benchmark."""
    told = run("-c", f"import {module}, zoneinfo; print(zoneinfo.TZPATH)", env=dict(os.environ))
    assert told == "()\n"


def test_the_tests_themselves_read_the_package() -> None:
    assert zoneinfo.TZPATH == ()
    assert check_zone_data() == RELEASE >= "2026c"


def test_a_process_that_would_read_the_systems_files_is_refused(tmp_path: Path) -> None:
    try:
        zoneinfo.reset_tzpath(to=[str(tmp_path)])
        with pytest.raises(ZoneDataError, match="PYTHONTZPATH"):
            check_zone_data()
    finally:
        zones.use_package()


def test_an_old_or_broken_package_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zones, "RELEASE", "2025b")
    with pytest.raises(ZoneDataError, match=r"2025b.*2026c"):
        check_zone_data()
    monkeypatch.undo()
    monkeypatch.setattr(zones, "PROOF", ("Africa/Nowhere", *zones.PROOF[1:]))
    with pytest.raises(ZoneDataError, match="not whole"):
        check_zone_data()


def test_an_academy_may_have_every_zone_but_the_placeholders() -> None:
    assert {CASABLANCA, "Asia/Riyadh", "UTC"} <= zone_names()
    assert not {"localtime", "Factory"} & zone_names()


FOLDERS = {path.parent for path in ROOT.glob("*/__init__.py")} - {ROOT / "tests"}
FILES = [*ROOT.glob("*.py"), *(file for folder in FOLDERS for file in folder.rglob("*.py"))]

# What a database would compute by zone data of its own.
OF_THE_DATABASE = re.compile(
    r"AT TIME ZONE|DATE_TRUNC|DATE_PART|EXTRACT\(|CURRENT_DATE|::date\b|LOCALTIME|SET TIME ZONE",
    re.I,
)


def test_no_statement_asks_the_database_for_a_local_day() -> None:
    assert [file.name for file in FILES if OF_THE_DATABASE.search(file.read_text())] == ["zones.py"]


def test_no_other_file_makes_a_zone() -> None:
    makers = {
        file.name
        for file in FILES
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call) and "ZoneInfo" in ast.unparse(node.func).split(".")
    }
    assert makers == {"zones.py"}
