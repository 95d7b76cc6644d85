"""Results: each measurement as a line of JSON, and a table of their medians for each row."""

import json
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.fanout.rows import Figure, Measured, Row

FOLDER = Path(__file__).parents[1] / "results"
RATIOS = {"before": "x before", "plain Strawberry": "x plain", "C loop": "of C"}

Taken = dict[str, list[Measured]]  # by server


class Raw:
    """A file of one run; nothing of it is committed."""

    def __init__(self, now: datetime, about: dict[str, object]) -> None:
        FOLDER.mkdir(exist_ok=True)
        self.path = FOLDER / f"fanout-{now:%Y%m%d-%H%M%S}.jsonl"
        self.add(about)

    def add(self, line: dict[str, Any]) -> None:
        with self.path.open("a") as file:
            file.write(json.dumps(line) + "\n")


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def print_row(row: Row, taken: Taken) -> None:
    """Print a line for each server: medians of its rounds, and how many times cheaper it is."""
    say(f"\n{row.name}: {row.title} ({_size(row)})")
    medians = {name: _middle(rounds) for name, rounds in taken.items() if rounds}
    others = [name for name in RATIOS if row.compares and name in medians]
    heads = ["", *(figure.column for figure in row.figures), *(RATIOS[name] for name in others)]
    lines = [heads]
    for name, middle in medians.items():
        cells = [_cell(figure, middle[figure.key]) for figure in row.figures]
        cost = row.figures[0].key
        ratios = [_ratio(medians[other][cost], middle[cost]) for other in others]
        lines.append([name, *cells, *ratios])
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        first, *rest = zip(line, widths, strict=True)
        say("  ".join([first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in rest)]))


def _size(row: Row) -> str:
    sessions, each = row.workload.sessions, row.workload.watchers // row.workload.sessions
    return f"{sessions} session{'s' * (sessions > 1)} x {each} watcher{'s' * (each > 1)}"


def _middle(rounds: Sequence[Measured]) -> Measured:
    """Take the median of each number; of lists the last round's."""
    return {
        key: median(one[key] for one in rounds) if isinstance(value, int | float) else value
        for key, value in rounds[-1].items()
    }


def _cell(figure: Figure, value: Any) -> str:
    if isinstance(value, list):
        return " ".join(_cell(figure, each) for each in value)
    return f"{value:,.{figure.digits}f}"


def _ratio(theirs: float, ours: float) -> str:
    """Say how many times as much the other costs; below 1 for the C loop, which costs least."""
    return f"{theirs / ours:.2f}" if ours else "-"
