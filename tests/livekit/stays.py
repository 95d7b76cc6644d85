"""Cycles compared with the times at which the test itself joined and left."""

from typing import Any

from tests.livekit import measured
from tests.livekit.classroom import moment
from tests.support.livekit_people import Moment

WITHIN_MS = 1000.0

Times = tuple[Moment, Moment]


def check_cycles(row: dict[str, Any], *times: Times, kind: str = "") -> None:
    """The row has these cycles; start, end and length are right to within a second."""
    cycles = row["cycles"]
    assert len(cycles) == len(times), f"{cycles}, not {times}"
    for cycle, (came, went) in zip(cycles, times, strict=True):
        early = came.ms_to(moment(cycle["joinedAt"]))
        late = went.ms_to(moment(cycle["leftAt"]))
        measured.stay_errors_ms.append(("joined", early))
        measured.stay_errors_ms.append((kind or f"{cycle['closedBy'].lower()}", late))
        assert max(abs(early), abs(late), abs(late - early)) <= WITHIN_MS, f"{early=} {late=}"
