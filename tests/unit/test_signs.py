"""The last moment at which a stay was known to go on."""

from dataclasses import replace

import pytest

from domain.attendance.lines import EventSource, Line
from domain.attendance.signs import last_sign
from domain.attendance.stays import stays_in
from tests.support.attendance_lines import MINUTE, START, joined, not_seen, seen

CAME = joined("PA_1", 0)
(STAY,) = stays_in([CAME], ended_ms=None)
REPORTED = replace(joined("PA_1", 5 * MINUTE), source=EventSource.CLIENT)


@pytest.mark.parametrize(
    ("lines", "room", "seen_at", "last"),
    [
        ([], "RM_1", None, 0),
        ([CAME], "RM_1", None, 0),
        ([CAME, seen("PA_1", 7 * MINUTE, since=0)], "RM_1", None, 7 * MINUTE),
        ([CAME, not_seen("PA_1", 9 * MINUTE, alive=None)], "RM_1", None, 0),
        ([CAME, joined("PA_2", 8 * MINUTE)], "RM_1", None, 0),
        ([CAME, REPORTED], "RM_1", None, 0),
        ([CAME], "RM_1", 6 * MINUTE, 6 * MINUTE),
        ([CAME], "RM_2", 6 * MINUTE, 0),
        ([joined("PA_1", 0, received_ms=8 * MINUTE)], "RM_1", 6 * MINUTE, 0),
    ],
)
def test_it_is_the_latest_word_of_livekit(
    lines: list[Line], room: str, seen_at: int | None, last: int
) -> None:
    seen_ms = None if seen_at is None else START + seen_at
    assert last_sign(lines, STAY, room, seen_ms) == START + last
