"""Classes and their logs for Hypothesis: complete, incomplete, late, or told twice.

Times are milliseconds after START, as in attendance_lines."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import strategies as st

from domain.attendance.fold import AttendanceStatus, EventKind, EventSource, Line
from tests.support.attendance_lines import MINUTE, START

Draw = Callable[[st.SearchStrategy[Any]], Any]

MOMENTS = st.integers(-20 * MINUTE, 80 * MINUTE)
SPANS = st.one_of(st.integers(0, 3_000), st.integers(0, 5 * MINUTE), st.integers(0, 60 * MINUTE))
DELAYS = st.one_of(st.integers(-1_500, 1_500), st.integers(0, 40_000))
REASONS = st.sampled_from(
    ["CLIENT_INITIATED", "DUPLICATE_IDENTITY", "PARTICIPANT_REMOVED", "CONNECTION_TIMEOUT", None]
)
NOTES = st.sampled_from(
    [EventKind.CONNECTION_ABORTED, EventKind.SEEN, EventKind.NOT_SEEN, EventKind.EXPIRED]
)

SAYINGS = [
    (EventKind.JOINED, EventSource.CLIENT),
    (EventKind.LEFT, EventSource.CLIENT),
    (EventKind.EXPIRED, EventSource.CLOCK),
    (EventKind.OVERRIDE, EventSource.PERSON),
    (EventKind.OVERRIDE_WITHDRAWN, EventSource.PERSON),
]


@dataclass(frozen=True, slots=True)
class Class:
    """One log: the room lines, and each person's own lines."""

    rooms: list[Line]
    people: list[list[Line]]

    @property
    def logs(self) -> list[list[Line]]:
        """The logs to fold, one for each person."""
        return [[*self.rooms, *own] for own in self.people]


@st.composite
def classes(draw: Draw, *, all_rooms_told: bool = False) -> Class:
    """Up to three rooms, killed or finished, and up to three people, each with up to five stays."""
    made = draw(st.lists(MOMENTS, min_size=1, max_size=3, unique=True))
    rooms = [
        line
        for number, at in enumerate(sorted(made))
        for line in _room_lines(draw, f"RM_{number}", at, is_told=all_rooms_told)
    ]
    people = [
        _person_lines(draw, f"P{person}", sorted(made)) for person in range(draw(st.integers(1, 3)))
    ]
    return Class(rooms, people)


@st.composite
def spans(draw: Draw) -> tuple[int, int]:
    """Pairs of a person's start and end."""
    start = draw(MOMENTS)
    return start, start + draw(SPANS)


def clean(visits: list[tuple[int, int]]) -> list[Line]:
    """Stays that LiveKit told at once: they end at the very millisecond."""
    return [
        line
        for number, (start, end) in enumerate(visits)
        for line in (
            _line(f"PA_{number}", EventKind.JOINED, start, joined_ms=START + start),
            _line(f"PA_{number}", EventKind.LEFT, end, joined_ms=START + start),
        )
    ]


def _room_lines(draw: Draw, sid: str, made: int, *, is_told: bool) -> list[Line]:
    room = {"room_sid": sid, "room_created_ms": START + made}
    lines = []
    for number in range(draw(st.integers(1 if is_told else 0, 2))):
        alive = draw(st.none() | MOMENTS.map(lambda at: START + at))
        at = made + number * draw(SPANS)
        told = _line(f"{sid}_{number}", EventKind.ROOM_STARTED, at, alive_ms=alive, **room)
        lines.append(replace(told, participant_sid=None))
    if draw(st.booleans()):
        finish = _told_later(draw, _line(sid, EventKind.ROOM_FINISHED, made + draw(SPANS), **room))
        lines.append(replace(finish, participant_sid=None))
    return lines


@st.composite
def sayings(draw: Draw, log: list[Line]) -> list[Line]:
    """A page's reports about the stays of a log and about others, their expiries, and overrides of
    a teacher."""
    sids = sorted({line.participant_sid for line in log if line.participant_sid})
    named = st.sampled_from([*sids, "PA_unknown", None])
    moments = MOMENTS.map(lambda at: START + at)
    kinds = draw(st.lists(st.sampled_from(SAYINGS), max_size=6))
    return [
        _saying(draw, number, kind, source, draw(named), draw(moments))
        for number, (kind, source) in enumerate(kinds)
    ]


def _saying(
    draw: Draw, number: int, kind: EventKind, source: EventSource, sid: str | None, at: int
) -> Line:
    is_override = kind is EventKind.OVERRIDE
    return Line(
        source_id=f"own:{number}",
        kind=kind,
        source=source,
        occurred_ms=at,
        received_ms=at,
        room_sid=None,
        room_created_ms=None,
        participant_sid=None if source is EventSource.PERSON else sid,
        joined_ms=None,
        override_status=draw(st.sampled_from(AttendanceStatus)) if is_override else None,
        note="I saw it." if is_override else None,
        actor_id=1 if is_override else None,
    )


def _person_lines(draw: Draw, person: str, made: list[int]) -> list[Line]:
    return [
        line
        for number in range(draw(st.integers(0, 5)))
        for line in _stay_lines(draw, f"{person}_{number}", made)
    ]


def _stay_lines(draw: Draw, sid: str, made: list[int]) -> list[Line]:
    """All lines about one sid, perhaps none, in one of the rooms that are there."""
    room = draw(st.integers(0, len(made) - 1))
    start = made[room] + draw(SPANS)
    end = start + draw(SPANS)
    given: dict[str, Any] = {
        "room_sid": f"RM_{room}",
        "room_created_ms": START + made[room],
        "joined_ms": START + start,
    }
    lines = []
    if draw(st.booleans()):
        gone = draw(st.sampled_from([False, False, False, True]))
        lines.append(_line(sid, EventKind.JOINED, start, is_disconnected=gone, **given))
    if draw(st.booleans()):
        leave = _line(sid, EventKind.LEFT, end, disconnect_reason=draw(REASONS), **given)
        lines.append(leave)
    for number in range(draw(st.integers(0, 2))):
        alive = START + start + draw(SPANS)
        at = start + draw(SPANS)
        lines.append(_line(f"{sid}#{number}", draw(NOTES), at, alive_ms=alive, **given))
    return [replace(_told_later(draw, line), participant_sid=sid) for line in lines]


def _told_later(draw: Draw, line: Line) -> Line:
    """The line as LiveKit tells it: late, and with whole seconds."""
    second = line.occurred_ms // 1000 * 1000
    return replace(line, occurred_ms=second, received_ms=line.occurred_ms + draw(DELAYS))


def _line(sid: str, kind: EventKind, at: int, **values: Any) -> Line:
    given: dict[str, Any] = {
        "room_sid": "RM_0",
        "room_created_ms": None,
        "joined_ms": None,
    } | values
    return Line(
        source_id=f"{sid}/{kind}",
        kind=kind,
        source=EventSource.WEBHOOK,
        occurred_ms=START + at,
        received_ms=START + at,
        participant_sid=sid,
        **given | values,
    )
