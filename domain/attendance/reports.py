"""Reports of a person's own page: presence at once, but no time until LiveKit confirms it."""

from dataclasses import dataclass

from domain.attendance.endings import Confidence, CycleEnd
from domain.attendance.lines import EventKind, Line
from domain.attendance.openings import CycleStart
from domain.attendance.stays import Cycle, Stay

# A report that LiveKit does not confirm expires after this time.
UNCONFIRMED_FOR_MS = 60_000


@dataclass(frozen=True, slots=True)
class Report:
    """A stay that only its own page speaks of; `sid` is None where the page did not say it."""

    sid: str | None
    joined_ms: int
    left_ms: int | None

    @property
    def expires_ms(self) -> int:
        return self.joined_ms + UNCONFIRMED_FOR_MS


def unconfirmed(log: list[Line], stays: list[Stay]) -> list[Report]:
    """Find the reports that stand alone: LiveKit told nothing of their sids.

    A report without a sid stands alone while no stay goes on at its time or starts after it. A
    report of a stay that its page said to be over stands alone if it was made after that.
    """
    reported = [line for line in log if line.is_report]
    told = {line.participant_sid for line in log if not line.is_report} - {None}
    # A page that reported to be gone, and then to be back, reports anew until a stay confirms it.
    told -= {stay.sid for stay in stays if stay.is_reported_over}
    found = []
    for sid in {line.participant_sid for line in reported if line.kind is EventKind.JOINED} - told:
        own = [line for line in reported if line.participant_sid == sid]
        joined_ms = max(_moments(own, EventKind.JOINED))
        has_expired = any(at_ms >= joined_ms for at_ms in _moments(own, EventKind.EXPIRED))
        known = [stay.end for stay in stays if sid in (None, stay.sid)]
        is_confirmed = any(end is None or end.at_ms >= joined_ms for end in known)
        if not has_expired and not is_confirmed:
            about = [line for line in reported if line.is_about(sid)]
            lefts = [at_ms for at_ms in _moments(about, EventKind.LEFT) if at_ms >= joined_ms]
            found.append(Report(sid, joined_ms, min(lefts, default=None)))
    return found


def _moments(lines: list[Line], kind: EventKind) -> list[int]:
    return [line.occurred_ms for line in lines if line.kind is kind]


def reported_cycle(
    reports: list[Report], cycles: tuple[Cycle, ...], ended_ms: int | None
) -> Cycle | None:
    """Make the cycle that is shown after those that count, where a page knows more than LiveKit."""
    since_ms = cycles[-1].left_ms if cycles else 0
    if since_ms is None:
        return None  # a cycle is open: a report adds nothing to it
    shown = []
    for report in reports:
        joined_ms, left_ms = max(report.joined_ms, since_ms), report.left_ms
        closed_by = None if left_ms is None else CycleEnd.CLIENT_REPORT
        if ended_ms is not None and (left_ms is None or ended_ms < left_ms):
            left_ms, closed_by = max(ended_ms, joined_ms), CycleEnd.STALE
        if left_ms is None or left_ms >= joined_ms:
            shown.append(
                Cycle(
                    joined_ms=joined_ms,
                    left_ms=left_ms,
                    opened_by=CycleStart.CLIENT_REPORT,
                    closed_by=closed_by,
                    confidence=Confidence.REPORTED,
                )
            )
    return max(
        shown,
        key=lambda one: (one.left_ms is None, one.left_ms or 0, one.joined_ms, one.closed_by or ""),
        default=None,
    )
