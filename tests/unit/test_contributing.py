"""The walk through one setting in CONTRIBUTING.md shows lines that stand in the files."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DIFFS = re.findall(r"^```diff\n(.*?)^```", (ROOT / "CONTRIBUTING.md").read_text(), re.M | re.S)
PIECES = [piece for diff in DIFFS for piece in re.split(r"^\+\+\+ ", diff, flags=re.M) if piece]


@pytest.mark.parametrize("piece", PIECES, ids=lambda piece: piece.splitlines()[0])
def test_the_lines_of_the_walk_stand_in_their_files(piece: str) -> None:
    name, *lines = piece.splitlines()
    standing = (ROOT / name).read_text().splitlines()
    assert [line for line in lines if line.removeprefix("+") not in standing] == []


def test_the_walk_is_found() -> None:
    assert len(PIECES) >= 8
