"""Our folders have common names, and PyPI has packages of some: the imported ones must be ours."""

import importlib.util
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = {path.parent.name for path in ROOT.glob("*/__init__.py")}
MODULES = {path.stem for path in ROOT.glob("*.py")}
OTHERS = "livekit graphql redis strawberry starlette tortoise taskiq broadcaster"
EMPTY = "base common core handlers helpers managers repositories services utils"

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


@pytest.mark.parametrize("name", sorted(FOLDERS | MODULES))
def test_a_top_level_name_is_ours_alone(name: str) -> None:
    assert name not in sys.stdlib_module_names
    assert name not in OTHERS.split()
    assert packages_distributions().get(name) is None
    spec = importlib.util.find_spec(name)
    assert spec is not None
    assert spec.origin is not None
    assert Path(spec.origin).is_relative_to(ROOT)


def test_the_tools_know_every_top_level_name() -> None:
    names = FOLDERS | MODULES
    tools = PYPROJECT["tool"]
    assert set(tools["ruff"]["lint"]["isort"]["known-first-party"]) == names
    assert {file.removesuffix(".py") for file in tools["mypy"]["files"]} == names
    assert set(tools["importlinter"]["root_packages"]) == FOLDERS - {"benchmarks", "tests"}


def test_every_folder_of_code_is_a_package() -> None:
    """A folder without __init__.py would merge with a stranger's of the same name."""
    folders = {path.parent for name in FOLDERS for path in (ROOT / name).rglob("*.py")}
    assert [folder for folder in folders if not (folder / "__init__.py").exists()] == []


def test_no_file_or_folder_has_a_name_that_says_nothing() -> None:
    paths = [path for name in FOLDERS for path in (ROOT / name).rglob("*.py")]
    assert [path for path in paths if {path.stem, *path.parts} & set(EMPTY.split())] == []


def test_no_file_grows_past_250_lines() -> None:
    paths = [
        path
        for name in FOLDERS - {"tests"}
        for path in (ROOT / name).rglob("*.py")
        if path.parent.name != "migrations"
    ]
    assert {path.name: n for path in paths if (n := len(path.read_text().splitlines())) > 250} == {}


def test_listeners_of_the_bus_may_call_no_other_gateway() -> None:
    """A new file in gateways has to be forbidden by name."""
    contracts = PYPROJECT["tool"]["importlinter"]["contracts"]
    (listeners,) = (each for each in contracts if "listen on the bus" in each["name"])
    files = {f"gateways.{path.stem}" for path in (ROOT / "gateways").glob("*.py")}
    allowed = {"gateways.__init__", "gateways.bus", "gateways.changes"}
    assert set(listeners["forbidden_modules"]) == files - allowed
