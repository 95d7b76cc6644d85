"""Every link in the documents leads to a file, and every function of a walk exists."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"\[([^\]]+)\]\(([^)#]+)[^)]*\)")
# "`receive` in [routes/livekit.py](routes/livekit.py)", also where a line ends between them.
PASSED = re.compile(r"`(\w+)`\s+(?:in\s+)?\(?\[[^\]]+\]\(([^)]+\.py)\)")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_leads_to_a_file(document: Path) -> None:
    targets = [target for _, target in LINK.findall(document.read_text())]
    ours = [target for target in targets if not target.startswith("http")]
    assert [target for target in ours if not (document.parent / target).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_a_link_to_code_says_the_name_of_its_file(document: Path) -> None:
    named = [pair for pair in LINK.findall(document.read_text()) if pair[0].endswith(".py")]
    assert [name for name, target in named if not target.endswith(name)] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_function_that_a_walk_passes_is_there(document: Path) -> None:
    for name, target in PASSED.findall(document.read_text()):
        tree = ast.parse((document.parent / target).read_text())
        known = {getattr(node, "name", None) for node in ast.walk(tree)} | {
            node.id for node in ast.walk(tree) if isinstance(node, ast.Name)
        }
        assert name in known, f"{name} is not in {target}"


def test_the_walks_of_the_readme_are_found() -> None:
    assert len(PASSED.findall((ROOT / "README.md").read_text())) >= 8
