"""Lines of an attendance log, made by hand; times are milliseconds after START."""

from collections.abc import Iterable
from itertools import count
from typing import Any

from domain.attendance.fold import (
    AttendanceStatus,
    Confidence,
    Cycle,
    CycleEnd,
    CycleStart,
    EventKind,
    EventSource,
    Facts,
    Line,
    Policy,
    Result,
    fold,
)

START = 1_795_233_600_000  # a whole second
MINUTE = 60_000
HOUR = 60 * MINUTE

# The creation times of three rooms of one session.
ROOMS = {"RM_1": -10 * MINUTE, "RM_2": 20 * MINUTE, "RM_3": 40 * MINUTE}

_numbers = count()


def line(kind: EventKind, at: int, **values: Any) -> Line:
    """A webhook's line from RM_1 that arrived as it happened."""
    room_sid = values.pop("room", "RM_1")
    given: dict[str, Any] = {
        "source_id": f"EV_{next(_numbers)}",
        "source": EventSource.WEBHOOK,
        "received_ms": at,
        "room_created_ms": ROOMS.get(room_sid),
        "participant_sid": None,
        "joined_ms": None,
    } | values
    for name in ("received_ms", "room_created_ms", "joined_ms", "alive_ms"):
        if given.get(name) is not None:
            given[name] += START
    return Line(kind=kind, occurred_ms=START + at, room_sid=room_sid, **given)


def joined(sid: str, at: int, **values: Any) -> Line:
    return line(EventKind.JOINED, at, participant_sid=sid, **{"joined_ms": at} | values)


def left(sid: str, at: int, *, since: int | None, **values: Any) -> Line:
    given = {"disconnect_reason": "CLIENT_INITIATED"} | values
    return line(EventKind.LEFT, at, participant_sid=sid, joined_ms=since, **given)


def aborted(sid: str, at: int, *, since: int, **values: Any) -> Line:
    given = {"disconnect_reason": "SIGNAL_CLOSE"} | values
    return line(EventKind.CONNECTION_ABORTED, at, participant_sid=sid, joined_ms=since, **given)


def seen(sid: str, at: int, *, since: int, **values: Any) -> Line:
    given = {"source": EventSource.RECONCILER} | values
    return line(EventKind.SEEN, at, participant_sid=sid, joined_ms=since, **given)


def not_seen(sid: str, at: int, *, alive: int | None, **values: Any) -> Line:
    given = {"source": EventSource.RECONCILER} | values
    return line(EventKind.NOT_SEEN, at, participant_sid=sid, alive_ms=alive, **given)


def expired(sid: str, at: int, *, alive: int | None) -> Line:
    source = EventSource.CLOCK
    return line(EventKind.EXPIRED, at, participant_sid=sid, alive_ms=alive, source=source)


def unconfirmed(sid: str | None, at: int) -> Line:
    """The report of `sid` expired, unconfirmed."""
    return line(EventKind.EXPIRED, at, participant_sid=sid, source=EventSource.CLOCK, room=None)


def report(sid: str | None, at: int, kind: EventKind = EventKind.JOINED) -> Line:
    """A line that the person's own page reports."""
    return line(kind, at, participant_sid=sid, source=EventSource.CLIENT, room=None)


def override(status: AttendanceStatus | None, at: int, **values: Any) -> Line:
    """A teacher's override; without a status it is withdrawn."""
    kind = EventKind.OVERRIDE if status else EventKind.OVERRIDE_WITHDRAWN
    given = {"note": "I saw it.", "actor_id": 7} if status else {}
    said = {"override_status": status, "source": EventSource.PERSON} | given | values
    return line(kind, at, room=None, **said)


def room_started(room: str, *, alive: int | None = None, **values: Any) -> Line:
    return line(EventKind.ROOM_STARTED, ROOMS[room], room=room, alive_ms=alive, **values)


def away(since: int, until: int, *, alive: int | None = None) -> Line:
    """Our door for webhooks was shut."""
    return line(EventKind.AWAY, since, received_ms=until, alive_ms=alive, source=EventSource.CLOCK)


def room_restarted(at: int, *, alive: int | None = None, room: str = "RM_1") -> Line:
    """A second start of the same room: its server was killed, and Redis kept its sid."""
    return line(EventKind.ROOM_STARTED, at, room=room, alive_ms=alive)


def room_finished(at: int, *, room: str = "RM_1", **values: Any) -> Line:
    return line(EventKind.ROOM_FINISHED, at, room=room, **values)


def facts(**values: Any) -> Facts:
    """A session of an hour from START, not over, for an expected student, without merging."""
    given: dict[str, Any] = {
        "scheduled_ms": START,
        "ends_ms": START + HOUR,
        "ended_ms": None,
        "is_final": False,
        "is_expected": True,
        "was_joinable": True,
        "policy": Policy(merge_gap_seconds=0),
    }
    return Facts(**given | values)


def result(*lines: Line, **values: Any) -> Result:
    return fold(lines, facts(**values))


Visit = tuple[int, int | None, CycleStart, CycleEnd | None]


def visits(cycles: Iterable[Cycle]) -> list[Visit]:
    """The part of cycles that tests compare: start and end after START, and what caused them."""
    return [
        (
            cycle.joined_ms - START,
            None if cycle.left_ms is None else cycle.left_ms - START,
            cycle.opened_by,
            cycle.closed_by,
        )
        for cycle in cycles
    ]


def only(*lines: Line, **values: Any) -> tuple[Visit, Confidence]:
    """The one cycle that these lines make."""
    found = result(*lines, **values)
    [visit] = visits(found.cycles)
    return visit, found.confidence
