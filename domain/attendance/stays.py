"""Stays, and the cycles that they make.

One participant sid is one stay, with one start and at most one end. A cycle is what a person would
call one visit: stays that lie close together.
"""

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Self

from domain.attendance.endings import (
    Confidence,
    CycleEnd,
    End,
    Ending,
    stale_end,
    told_ending,
    weakest,
)
from domain.attendance.facts import ATTENDANCE_RULE, FIRST_RULE
from domain.attendance.inferences import SessionLog, inferred_ending
from domain.attendance.lines import EventKind, Line
from domain.attendance.openings import CycleStart, Opening, opening_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Stay:
    """One connection's time in the room, as it counts, and its bounds; None is an open end."""

    sid: str
    opened_by: CycleStart
    joined_ms: int
    end: End | None
    confidence: Confidence
    earliest_ms: int  # the start that the log allows: LiveKit may never have told it
    at_least_ms: int | None
    at_most_ms: int | None
    away_until_ms: int | None = None  # our door was shut until then, and no sign came since
    is_reported_over: bool = False  # only the person's own page says that it ended

    @classmethod
    def of(cls, opening: Opening, ending: Ending) -> Self:
        was_found = opening.opened_by is CycleStart.RECONCILED
        found = Confidence.RECONCILED if was_found else Confidence.CONFIRMED
        return cls(
            sid=opening.sid,
            opened_by=opening.opened_by,
            joined_ms=opening.joined_ms,
            end=ending.end,
            confidence=weakest([found, ending.end.confidence] if ending.end else [found]),
            earliest_ms=opening.earliest_ms,
            at_least_ms=ending.at_least_ms,
            at_most_ms=ending.at_most_ms,
            away_until_ms=ending.away_until_ms,
            is_reported_over=ending.is_reported_over,
        )

    @property
    def is_settled(self) -> bool:
        """It is over, and not by a report alone: the reconciler no longer asks about it."""
        return self.end is not None and not self.is_reported_over

    @property
    def is_doubtful(self) -> bool:
        """Its log allows another time than the one that counts."""
        at_ms = self.end.at_ms if self.end else None
        bounds = self.earliest_ms, self.at_least_ms, self.at_most_ms
        return bounds != (self.joined_ms, at_ms, at_ms)

    def judged(self) -> "Stay":
        """Return the stay as the present rules have it: within its bounds, and no surer than they.

        An end that one witness tells too early moves to where another one proves the stay.
        """
        end, at_least_ms = self.end, self.at_least_ms
        if end is not None and at_least_ms is not None and end.at_ms < at_least_ms:
            end = replace(end, at_ms=at_least_ms)
        stay = replace(self, end=end)
        if stay.is_doubtful and stay.confidence is Confidence.CONFIRMED:
            stay = replace(stay, confidence=Confidence.ESTIMATED)
        return stay

    def shortest(self) -> "Stay":
        """Return the stay as it lasted at least."""
        at_ms = self.at_least_ms
        return replace(self, end=None if at_ms is None else stale_end(at_ms))

    def longest(self) -> "Stay":
        """Return the stay as it lasted at most."""
        at_ms = self.at_most_ms
        end = None if at_ms is None else stale_end(at_ms)
        return replace(self, joined_ms=self.earliest_ms, end=end)


def stays_in(
    lines: Iterable[Line],
    *,
    ended_ms: int | None,
    from_ms: float | None = None,
    rule: int = ATTENDANCE_RULE,
) -> list[Stay]:
    """Find the stays of one person, from their lines and the session's room lines, each line once.

    `ended_ms` is the session's real end: no stay is open after it, and none starts. Somebody who
    comes later, with an old token, did not come to this session; nor did who was gone by `from_ms`,
    before the session was put off. A report of the person's page starts no stay; it may end one
    until LiveKit knows better.
    """
    log, leaves = [], []
    for line in lines:
        if not line.is_report:
            log.append(line)
        elif line.kind is EventKind.LEFT:
            leaves.append(line)
    by_sid: dict[str, list[Line]] = defaultdict(list)
    for line in log:
        if line.participant_sid is not None:
            by_sid[line.participant_sid].append(line)
    session: SessionLog | None = None  # read for stays whose end LiveKit did not tell
    found = [opening_of(sid, own) for sid, own in by_sid.items()]
    openings = [
        one for one in found if one is not None and (ended_ms is None or one.joined_ms < ended_ms)
    ]
    stays = []
    for one in openings:
        own = by_sid[one.sid]
        ending = told_ending(own, one.joined_ms)
        if ending is None:
            session = session or SessionLog.of(log, ended_ms, rule)
            newer = [other for other in openings if other.replaces(one)]
            about = [left for left in leaves if left.is_about(one.sid)]
            ending = inferred_ending(own, session, about, one, newer)
        stay = Stay.of(one, ending)
        stays.append(stay if rule == FIRST_RULE else stay.judged())
    if from_ms is not None:
        stays = [stay for stay in stays if _left_ms(stay) > from_ms]
    return stays


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
            opened_by=run[0].opened_by,
            closed_by=end.closed_by if end else None,
            confidence=weakest(stay.confidence for stay in run),
        )
        cycles.append(cycle)
    return tuple(cycles)


def _left_ms(stay: Stay) -> float:
    return stay.end.at_ms if stay.end else math.inf
