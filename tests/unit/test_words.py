"""The code is in plain words: docstrings are sentences, and one thing has one name."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = [path.parent for path in ROOT.glob("*/__init__.py")]
FILES = sorted(
    file
    for file in [*ROOT.glob("*.py"), *(file for folder in FOLDERS for file in folder.rglob("*.py"))]
    if file.parent.name != "migrations" and file != Path(__file__)
)
TEXTS = [*FILES, ROOT / "schema" / "descriptions.toml"]

# A sentence that opens so has its subject turned round: "Who is barred stays out".
OPENINGS = {"Who", "What", "Of", "Whether", "Those", "By", "Whoever", "Whose", "Whom"}
# The glossary has another word for each. INDIVIDUAL_LESSON is a value of the API.
BANNED = re.compile(r"(?<!individual_)lesson|tenant|appointment|conference", re.IGNORECASE)


def place(file: Path, line: int) -> str:
    return f"{file.relative_to(ROOT)}:{line}"


def docstrings(file: Path) -> Iterator[tuple[int, str]]:
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, documented) and (text := ast.get_docstring(node)):
            yield node.body[0].lineno, text


@pytest.mark.parametrize("folder", sorted({file.relative_to(ROOT).parts[0] for file in FILES}))
def test_a_docstring_opens_with_a_verb_or_a_name(folder: str) -> None:
    ours = [file for file in FILES if file.relative_to(ROOT).parts[0] == folder]
    found = [
        f"{place(file, line)} {text.splitlines()[0]}"
        for file in ours
        for line, text in docstrings(file)
        if re.split(r"\W", text, maxsplit=1)[0] in OPENINGS
    ]
    assert found == []


def test_a_thing_has_no_second_name() -> None:
    found = [
        f"{place(file, number)} {line.strip()}"
        for file in TEXTS
        for number, line in enumerate(file.read_text().splitlines(), 1)
        if BANNED.search(line)
    ]
    assert found + [file.name for file in FILES if BANNED.search(file.name)] == []
