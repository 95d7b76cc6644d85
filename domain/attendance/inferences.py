"""Infers the end of a stay that LiveKit did not tell, until better evidence comes."""

from typing import NamedTuple, Self

from domain.attendance.endings import RANKS, Confidence, CycleEnd, End, Ending, stale_end
from domain.attendance.facts import FIRST_RULE
from domain.attendance.lines import EventKind, Line, Room, happened_ms, rooms_in
from domain.attendance.openings import Opening

# A missed stay whose last sign of life is older than this was not watched all the time.
RECONCILED_WITHIN_MS = 30_000


class SessionLog(NamedTuple):
    """The lines and facts that concern every stay of a session."""

    lives: list[Room]
    finishes: list[Line]
    restarts: list[Line]
    closures: list[Line]  # the times in which we could hear nothing
    ended_ms: int | None  # the session's real end
    rule: int

    @classmethod
    def of(cls, log: list[Line], ended_ms: int | None, rule: int) -> Self:
        """Read the log; the first rule knew neither restarts of a room nor our own absence."""
        is_first = rule == FIRST_RULE
        return cls(
            lives=rooms_in(log, counts_restarts=is_first),
            finishes=[line for line in log if line.kind is EventKind.ROOM_FINISHED],
            restarts=[] if is_first else [line for line in log if line.restarts],
            closures=[] if is_first else [line for line in log if line.kind is EventKind.AWAY],
            ended_ms=ended_ms,
            rule=rule,
        )


class _Exclusion(NamedTuple):
    """The stay was over by `known_ms`, and went on at `alive_ms`: a later sign of life refutes it.

    It `tells_end` where it tells the moment itself; else the last sign of life counts.
    """

    known_ms: int
    alive_ms: int
    closed_by: CycleEnd
    confidence: Confidence
    tells_end: bool = False

    def end(self, heard_until_ms: int | None) -> End:
        at_ms = self.known_ms if self.tells_end else max(self.alive_ms, heard_until_ms or 0)
        return End(min(at_ms, self.known_ms), self.closed_by, self.confidence)


def inferred_ending(
    own: list[Line],
    session: SessionLog,
    leaves: list[Line],
    opening: Opening,
    newer: list[Opening],
) -> Ending:
    """Infer the earliest end that the reconciler, the clock, the page or the room speaks for.

    `own` are the stay's lines, `leaves` its page's reports that it is over, `newer` the later
    connections of the same identity.
    """
    joined_ms, ended_ms = opening.joined_ms, session.ended_ms
    seen = [line.occurred_ms for line in own if line.kind is EventKind.SEEN]
    alive_ms = max([joined_ms, *seen])  # to join is a sign of life too
    found = _missed(own, alive_ms) + _replaced(own, newer, alive_ms)
    found += _ends_by_room(own, session, joined_ms, alive_ms)
    exclusions = [one for one in found if one.known_ms >= alive_ms]
    if ended_ms is not None and session.rule != FIRST_RULE:  # they tell nothing of the time before
        exclusions = [one for one in exclusions if one.known_ms <= ended_ms]
    known = [one.known_ms for one in exclusions] + ([] if ended_ms is None else [ended_ms])
    at_most_ms = min(known, default=None)
    heard_ms, away_until_ms = _heard_until(own, session.closures, alive_ms, at_most_ms)
    ends = [one.end(heard_ms) for one in exclusions] + _expired(own, alive_ms, heard_ms)
    if ended_ms is not None:
        ends.append(stale_end(ended_ms if heard_ms is None or exclusions else heard_ms))
    is_told_otherwise = bool(ends)
    left = [line.occurred_ms for line in leaves if line.occurred_ms >= joined_ms]
    if left and alive_ms <= min(left):  # a page that was wrong once is not believed again
        ends += [End(at_ms, CycleEnd.CLIENT_REPORT, Confidence.REPORTED) for at_ms in left]
    end = min(ends, key=lambda at: (at.at_ms, RANKS[at.confidence], at.closed_by), default=None)
    if heard_ms is None:  # if there are exclusions, a leave was lost while our door was open
        signs = [one.alive_ms for one in exclusions if one.alive_ms <= (at_most_ms or 0)]
        heard_ms = max(signs, default=None)
    return Ending(
        end=end,
        at_least_ms=_at_least(heard_ms, end),
        at_most_ms=at_most_ms,
        away_until_ms=away_until_ms,
        is_reported_over=end is not None and not is_told_otherwise,
    )


def _at_least(proved_ms: int | None, end: End | None) -> int | None:
    """Find the earliest end: what is proved, or the end that counts; a page may tell an earlier."""
    if end is None or (proved_ms is not None and end.closed_by is not CycleEnd.CLIENT_REPORT):
        return proved_ms
    return end.at_ms if proved_ms is None else min(proved_ms, end.at_ms)


def _missed(own: list[Line], alive_ms: int) -> list[_Exclusion]:
    """Find the looks at LiveKit's list that missed the stay."""
    found = []
    for line in own:
        if line.kind is EventKind.NOT_SEEN:
            sign_ms = _last_sign(line.alive_ms, alive_ms, known_ms=line.occurred_ms)
            is_near = line.occurred_ms - sign_ms <= RECONCILED_WITHIN_MS
            confidence = Confidence.RECONCILED if is_near else Confidence.ESTIMATED
            found.append(_Exclusion(line.occurred_ms, sign_ms, CycleEnd.RECONCILED, confidence))
    return found


def _replaced(own: list[Line], newer: list[Opening], alive_ms: int) -> list[_Exclusion]:
    """Find the next connection of the same identity: LiveKit closes the older one for it."""
    after = [one for one in newer if one.joined_ms >= alive_ms]
    if not after:
        return []
    first = min(after, key=lambda one: (one.joined_ms, one.sid))
    looked_ms = _vouched(own, first.alive_ms)
    sign_ms = _last_sign(looked_ms, alive_ms, known_ms=first.joined_ms)
    replaced = CycleEnd.REPLACED, Confidence.ESTIMATED, True
    return [_Exclusion(first.joined_ms, sign_ms, *replaced)]


def _ends_by_room(
    own: list[Line], session: SessionLog, joined_ms: int, alive_ms: int
) -> list[_Exclusion]:
    """Find what the stay's room tells: its finish, its restart, and the first room made after it.

    A killed LiveKit never tells that a room is over: its restart or the next room shows it.
    """
    room_sid = min((line.room_sid for line in own if line.room_sid is not None), default=None)
    if room_sid is None:
        finishes, restarts = [], []
    else:
        finishes = [happened_ms(line) for line in session.finishes if line.room_sid == room_sid]
        restarts = [line for line in session.restarts if line.room_sid == room_sid]
    finished = CycleEnd.ROOM_FINISHED, Confidence.ESTIMATED, True
    stale = CycleEnd.STALE, Confidence.ESTIMATED
    found = [_Exclusion(at_ms, alive_ms, *finished) for at_ms in finishes]
    for line in restarts:
        sign_ms = _last_sign(line.alive_ms, alive_ms, known_ms=line.occurred_ms)
        found.append(_Exclusion(line.occurred_ms, sign_ms, *stale))
    if max(finishes, default=-1) >= alive_ms:
        return found  # a room made after the finish tells nothing more
    # An unknown room was there when somebody joined it: only a room made later is newer.
    created_ms = next(
        (life.created_ms for life in session.lives if life.sid == room_sid), joined_ms
    )
    for life in session.lives:
        if life.created_ms > created_ms and life.created_ms >= alive_ms:
            sign_ms = _last_sign(life.alive_ms, alive_ms, known_ms=life.created_ms)
            return [*found, _Exclusion(life.created_ms, sign_ms, *stale)]
    return found


def _expired(own: list[Line], alive_ms: int, heard_ms: int | None) -> list[End]:
    """Find the ends that the clock concluded, after our door was shut and nobody told more."""
    return [
        stale_end(
            max(_last_sign(line.alive_ms, alive_ms, known_ms=line.occurred_ms), heard_ms or 0)
        )
        for line in own
        if line.kind is EventKind.EXPIRED and line.occurred_ms >= alive_ms
    ]


def _heard_until(
    own: list[Line], closures: list[Line], alive_ms: int, over_ms: int | None
) -> tuple[int | None, int | None]:
    """Find until when silence proves the stay, where our door was shut and no sign came since.

    Return that moment, and the end of the latest such closure; None twice without one.
    """
    first_ms = min(line.received_ms for line in own)
    proved_ms, until_ms = [], []
    for line in closures:
        if not first_ms < line.received_ms > alive_ms:
            continue  # the stay was heard of, or shown to go on, when the door was open again
        is_same_room = any(one.room_sid == line.room_sid for one in own)
        looked_ms = (_vouched(own, line.alive_ms) or 0) if is_same_room else 0
        sure_ms = max(alive_ms, line.occurred_ms, min(looked_ms, line.received_ms))
        if over_ms is None or sure_ms <= over_ms:
            proved_ms.append(sure_ms)
            until_ms.append(line.received_ms)
    return (min(proved_ms), max(until_ms)) if proved_ms else (None, None)


def _vouched(own: list[Line], looked_ms: int | None) -> int | None:
    """Return the time of a look that found everybody, if the stay was known when it was made."""
    is_known = looked_ms is not None and min(line.received_ms for line in own) <= looked_ms
    return looked_ms if is_known else None


def _last_sign(told_ms: int | None, alive_ms: int, *, known_ms: int) -> int:
    """Bound the sign of life that a line tells; without one, the stay's own last sign counts.

    That may be its start: its true end is unknown, and nobody gets time that nobody saw.
    """
    return alive_ms if told_ms is None else max(alive_ms, min(told_ms, known_ms))
