"""The worked example of docs/attendance.md is what the fold makes of its log."""

import re
from pathlib import Path

import pytest

from domain.attendance.fold import Facts, Line, Policy, fold, total_ms
from tests.support.attendance_lines import MINUTE, START, away, facts, joined, left, not_seen

GUIDE = Path(__file__).parents[2] / "docs" / "attendance.md"
ENDED = START + 50 * MINUTE

LOGS: dict[str, list[Line]] = {
    "Amina": [
        joined("A", -5 * MINUTE),
        left("A", 20 * MINUTE, since=-5 * MINUTE),
        joined("B", 21 * MINUTE + 30_000),
        left("B", 50 * MINUTE, since=21 * MINUTE + 30_000),
    ],
    "Bilal": [
        joined("A", -10 * MINUTE),
        left("A", -3 * MINUTE, since=-10 * MINUTE),
        joined("B", 20 * MINUTE),
        left("B", 50 * MINUTE, since=20 * MINUTE),
    ],
    "Dina": [
        joined("A", 5 * MINUTE),
        away(25 * MINUTE, 30 * MINUTE),
        not_seen("A", 30 * MINUTE + 10_000, alive=None),
    ],
    "Emre": [joined("A", 0), not_seen("A", 44 * MINUTE, alive=38 * MINUTE)],
    "Farah": [],
}


def session() -> Facts:
    return facts(ended_ms=ENDED, held_until_ms=ENDED, is_final=True, policy=Policy())


def clock(ms: int) -> str:
    return f"{ms // MINUTE}:{ms % MINUTE // 1000:02}"


@pytest.mark.parametrize("who", LOGS)
def test_the_guides_example_is_what_the_fold_computes(who: str) -> None:
    (row,) = re.findall(rf"^\| {who} \|.*$", GUIDE.read_text(), re.MULTILINE)
    told = [cell.strip() for cell in row.strip("|").split("|")][2:]
    found = fold(LOGS[who], session())
    counted = total_ms(found.closed_ms, found.joined_since_ms, ENDED, START, ENDED)
    bounds = found.bounds
    least, most = (bounds.at_least_ms, bounds.at_most_ms) if bounds else (counted, counted)
    review = "yes" if found.needs_review else "no"
    assert told == [clock(least), clock(counted), clock(most), found.status, review]


def test_nobody_can_be_late_in_a_class_of_75_minutes_unless_late_goes_first() -> None:
    """The guide says so: 15 minutes missed are a fifth of it."""
    ends_ms = START + 75 * MINUTE
    late = [joined("A", 15 * MINUTE + 1), left("A", 75 * MINUTE, since=15 * MINUTE + 1)]
    given = {"ends_ms": ends_ms, "ended_ms": ends_ms, "is_final": True}
    assert fold(late, facts(**given, policy=Policy())).status == "PARTIAL"
    first = Policy(late_before_partial=True)
    assert fold(late, facts(**given, policy=first)).status == "LATE"
