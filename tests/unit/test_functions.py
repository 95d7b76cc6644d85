"""Functions are as long as what they tell, and few are helpers that one caller uses (ADR 17)."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
NOT_SOURCE = {"tests", "benchmarks", "migrations"}
LINES_MAX = 40
USED_ONCE_MAX_PERCENT = 12

Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions() -> Iterator[tuple[str, str, Function]]:
    """The path, the text of the file, and the node of each function of the source."""
    packages = [path.parent for path in ROOT.glob("*/__init__.py")]
    files = [path for package in packages for path in package.rglob("*.py")]
    for path in sorted([*ROOT.glob("*.py"), *files]):
        name = path.relative_to(ROOT)
        if NOT_SOURCE.isdisjoint(name.parts):
            text = path.read_text()
            for node in ast.walk(ast.parse(text)):
                if isinstance(node, Function):
                    yield name.as_posix(), text, node


def lines_of(node: Function) -> int:
    """Count from the first line, or from the one after a docstring."""
    first = node.lineno
    if ast.get_docstring(node) and len(node.body) > 1:
        first = (node.body[0].end_lineno or first) + 1
    return (node.end_lineno or first) - first + 1


def test_functions_have_at_most_40_lines() -> None:
    found = {f"{file}: {node.name}": lines_of(node) for file, _, node in functions()}
    assert len(found) > 1000
    assert {name: lines for name, lines in found.items() if lines > LINES_MAX} == {}


def test_few_functions_are_private_helpers_that_their_file_uses_once() -> None:
    number, once = 0, []
    for file, text, node in functions():
        number += 1
        is_private = node.name.startswith("_") and not node.name.startswith("__")
        if is_private and len(re.findall(rf"\b{node.name}\b", text)) == 2:
            once.append(f"{file}: {node.name}")
    assert 100 * len(once) <= USED_ONCE_MAX_PERCENT * number, once
