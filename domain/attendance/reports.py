"""What a person's own page reports: presence at once, and no time until LiveKit confirms it."""

from collections.abc import Iterable
from dataclasses import dataclass

from domain.attendance.cycles import Cycle
from domain.attendance.lines import EventKind, Line
from domain.attendance.stay_ends import Confidence, CycleEnd
from domain.attendance.stays import CycleStart, Stay

# So long a report stands alone.
UNCONFIRMED_FOR_MS = 60_000


@dataclass(frozen=True, slots=True)
class Report:
    """A stay that only its own page speaks of; `sid` where the page said it."""

    sid: str | None
    joined_ms: int
    left_ms: int | None

    @property
    def expires_ms(self) -> int:
        return self.joined_ms + UNCONFIRMED_FOR_MS


def unconfirmed(lines: Iterable[Line], stays: list[Stay], told: set[str | None]) -> list[Report]:
    """The reports that stand alone: of sids that are not `told`, of which LiveKit said nothing.

    One without a sid stands alone while no stay goes on at its time or begins after it; one of a
    stay that its page said to be over, while it was made after that.
    """
    log = [line for line in lines if line.is_report]
    sids = {line.participant_sid for line in log if line.kind is EventKind.JOINED} - told
    found = [report for sid in sids if (report := _report(log, sid))]
    return [report for report in found if not _is_confirmed(report, stays)]


def _report(log: list[Line], sid: str | None) -> Report | None:
    own = [line for line in log if line.participant_sid == sid]
    expired_ms = max(_moments(own, EventKind.EXPIRED), default=None)
    joined_ms = max(_moments(own, EventKind.JOINED))
    if expired_ms is not None and joined_ms <= expired_ms:
        return None
    lefts = _moments([line for line in log if line.is_about(sid)], EventKind.LEFT)
    return Report(sid, joined_ms, min((at for at in lefts if at >= joined_ms), default=None))


def _moments(lines: list[Line], kind: EventKind) -> list[int]:
    return [line.occurred_ms for line in lines if line.kind is kind]


def _is_confirmed(report: Report, stays: list[Stay]) -> bool:
    own = [stay for stay in stays if report.sid in (None, stay.sid)]
    return any(stay.end is None or stay.end.at_ms >= report.joined_ms for stay in own)


def reported_cycle(
    reports: list[Report], cycles: tuple[Cycle, ...], ended_ms: int | None
) -> Cycle | None:
    """The visit that is shown after those that count, where a page knows more than LiveKit told."""
    since = _told_until(cycles)
    if since is None:
        return None
    shown = [cycle for report in reports if (cycle := _cycle(report, since, ended_ms))]
    return max(shown, key=_lateness, default=None)


def _told_until(cycles: tuple[Cycle, ...]) -> int | None:
    """When the last visit ended; None while one is open, of which a report says nothing new."""
    return cycles[-1].left_ms if cycles else 0


def _cycle(report: Report, since: int, ended_ms: int | None) -> Cycle | None:
    joined_ms, left_ms, closed_by = max(report.joined_ms, since), report.left_ms, None
    if left_ms is not None:
        closed_by = CycleEnd.CLIENT_REPORT
    if ended_ms is not None and (left_ms is None or ended_ms < left_ms):
        left_ms, closed_by = max(ended_ms, joined_ms), CycleEnd.STALE
    if left_ms is not None and left_ms < joined_ms:
        return None
    return Cycle(
        joined_ms=joined_ms,
        left_ms=left_ms,
        opened_by=CycleStart.CLIENT_REPORT,
        closed_by=closed_by,
        confidence=Confidence.REPORTED,
    )


def _lateness(cycle: Cycle) -> tuple[bool, int, int, str]:
    left_ms = cycle.left_ms
    return left_ms is None, left_ms or 0, cycle.joined_ms, cycle.closed_by or ""
