"""Cycles: what a person would call one visit, made of stays that lie close together."""

import math
from dataclasses import dataclass

from domain.attendance.openings import CycleStart
from domain.attendance.stay_ends import Confidence, CycleEnd, weakest
from domain.attendance.stays import Stay


@dataclass(frozen=True, slots=True, kw_only=True)
class Cycle:
    """Stays that overlap, or that lie no further apart than the merge gap."""

    joined_ms: int
    left_ms: int | None  # None: still open
    opened_by: CycleStart
    closed_by: CycleEnd | None
    confidence: Confidence


def cycles_of(stays: list[Stay], *, gap_ms: int) -> tuple[Cycle, ...]:
    """Merge stays into cycles, in order, more than `gap_ms` apart; only the last can be open."""
    runs: list[list[Stay]] = []
    reach_ms = -math.inf  # the end of the run so far; infinite while a stay is open
    for stay in sorted(stays, key=lambda stay: (stay.joined_ms, stay.sid)):
        if stay.joined_ms <= reach_ms + gap_ms:
            runs[-1].append(stay)
        else:
            runs.append([stay])
        reach_ms = max(reach_ms, _left_ms(stay))
    cycles = []
    for run in runs:
        # If two stays end together, the one that started later tells how the cycle ended.
        end = max(run, key=lambda stay: (_left_ms(stay), stay.joined_ms, stay.sid)).end
        cycle = Cycle(
            joined_ms=run[0].joined_ms,
            left_ms=end.at_ms if end else None,
            opened_by=run[0].opening.opened_by,
            closed_by=end.closed_by if end else None,
            confidence=weakest(stay.confidence for stay in run),
        )
        cycles.append(cycle)
    return tuple(cycles)


def _left_ms(stay: Stay) -> float:
    return stay.end.at_ms if stay.end else math.inf
