"""Events as the hubs make them, without a database: by hand, and any that there may be."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from hypothesis import strategies as st
from tortoise.models import Model

from domain.access import Audience, Scope, UserRole
from domain.attendance.fold import (
    AttendanceStatus,
    Bounds,
    Confidence,
    Cycle,
    CycleEnd,
    CycleStart,
    Override,
    Presence,
    Result,
)
from domain.attendance.state import AttendanceState, to_ms
from domain.cursors import Place
from domain.errors import ErrorCode
from domain.event import SessionEventKind
from domain.session import MeetingSource, SessionFormat, SessionKind
from domain.status import SessionStatus, TransitionCause
from models import Session, SessionEvent, User
from models.attendance_json import state_to_json
from schema.types.attendance import Attendance
from schema.types.events import SessionEvent as EventType
from schema.types.events import event_of, snapshot_of
from schema.types.presence import AttendanceUpdate, PresenceChanges, PresenceEvent, PresenceSnapshot
from schema.types.shared import Shared

Row = TypeVar("Row", bound=Model)

NOW = datetime(2026, 3, 2, 11, 0, 0, 123_456, tzinfo=UTC)
START = NOW - timedelta(hours=1)
SHARED = Shared(Scope("session:3", Audience.STAFF))
PLACE = Place(7, 99)


def _row(kind: type[Row], values: dict[str, Any]) -> Row:
    """Make a row; Tortoise takes the columns of foreign keys only once a database is open."""
    row = kind(**values)
    for name, value in values.items():
        setattr(row, name, value)
    return row


def session(**values: Any) -> Session:
    given: dict[str, Any] = {
        "id": 3,
        "external_id": None,
        "version": PLACE.version,
        "version_mark": PLACE.mark,
        "kind": SessionKind.QURAN,
        "format": SessionFormat.GROUP,
        "title": "Juz Amma",
        "status": SessionStatus.ONGOING,
        "scheduled_at": START,
        "ready_at": START,
        "ends_at": NOW,
        "completes_at": NOW,
        "overtime_until": NOW,
        "duration_minutes": 60,
        "attendance_policy": {},
        "created_at": START,
        "updated_at": START,
        "kept_open_by_id": None,
        "meeting_created_by_id": None,
    }
    return _row(Session, given | values)


def person(number: int = 12, **values: Any) -> User:
    given = {"first_name": "Sara", "last_name": "Ali", "role": UserRole.STUDENT}
    return User(id=number, **given | values)


def happened(kind: SessionEventKind, told: dict[str, Any]) -> SessionEvent:
    given = {"session_id": 3, "sequence": PLACE.version, "mark": PLACE.mark, "occurred_at": NOW}
    return _row(SessionEvent, given | {"kind": kind, "payload": told, "actor_id": None})


def changed(state: AttendanceState) -> SessionEvent:
    return happened(SessionEventKind.PRESENCE_CHANGED, state_to_json(state))


def removed(state: AttendanceState) -> SessionEvent:
    told = {"participant_id": state.participant_id, "user_id": state.user_id}
    return happened(SessionEventKind.PRESENCE_REMOVED, told)


def changes(
    events: list[SessionEvent],
    roster: list[AttendanceState],
    people: Mapping[int, User],
    of: Session | None = None,
) -> PresenceChanges:
    return PresenceChanges.of(events, 6, PLACE, roster, of or session(), NOW, people, SHARED)


# Mostly what is usual; now and then a number that no Int holds, or a moment that no calendar has.
NUMBERS = st.integers(0, 9) | st.integers(0, 2**31)
MOMENTS = st.integers(-7_200_000, 7_200_000).map(lambda ms: to_ms(NOW) + ms) | st.just(2**60)
TEXTS = st.sampled_from(['Sara "سارة" <Ali>', "\u2028\x00\\", ""]) | st.text(max_size=9)
STATUSES = st.sampled_from(AttendanceStatus)
CYCLES = st.builds(
    Cycle,
    joined_ms=MOMENTS,
    left_ms=st.none() | MOMENTS,
    opened_by=st.sampled_from(CycleStart),
    closed_by=st.none() | st.sampled_from(CycleEnd),
    confidence=st.sampled_from(Confidence),
)
RESULTS = st.builds(
    Result,
    presence=st.sampled_from(Presence),
    cycles=st.lists(CYCLES, max_size=2).map(tuple),
    first_joined_ms=st.none() | MOMENTS,
    last_left_ms=st.none() | MOMENTS,
    arrived_ms=st.none() | MOMENTS,
    closed_ms=MOMENTS | NUMBERS,
    joined_since_ms=st.none() | MOMENTS,
    join_count=NUMBERS,
    leave_count=NUMBERS,
    confidence=st.sampled_from(Confidence),
    bounds=st.none() | st.builds(Bounds, NUMBERS, st.none() | MOMENTS, NUMBERS, st.none()),
    needs_review=st.booleans(),
    status=st.none() | STATUSES,
    override=st.none() | st.builds(Override, STATUSES, TEXTS, NUMBERS, MOMENTS),
)
STATES = st.builds(
    AttendanceState,
    participant_id=st.integers(1, 4),
    session_id=st.just(3),
    user_id=st.integers(1, 4),
    role=st.sampled_from(UserRole),
    is_expected=st.booleans(),
    is_barred=st.booleans(),
    is_final=st.booleans(),
    calculated_ms=st.none() | MOMENTS,
    result=RESULTS,
)
ROSTERS = st.lists(STATES, min_size=1, max_size=3) | st.lists(STATES, max_size=1)
USERS = st.builds(person, st.integers(1, 4), first_name=TEXTS, role=st.sampled_from(UserRole))
NAMED = st.lists(USERS, min_size=4, max_size=4).map(lambda users: dict(enumerate(users, 1)))
NOBODY: st.SearchStrategy[dict[int, User]] = st.just({})
PEOPLE = NAMED | NAMED | NOBODY  # sometimes nobody is at hand
MEETING = {
    "meeting_id": "m-1",
    "room_name": "r-1",
    "meeting_link": "https://meet.example.org/r-1",
    "meeting_source": MeetingSource.AUTO,
    "meeting_created_at": START,
}
SESSIONS = st.builds(
    lambda meeting, **values: session(**meeting | values),
    st.just(MEETING) | st.just({}),
    kind=st.sampled_from(SessionKind),
    status=st.sampled_from(SessionStatus),
    title=TEXTS,
    notes=st.none() | TEXTS,
    session_number=st.none() | NUMBERS,
    ended_at=st.none() | st.just(NOW),
    held_until=st.none() | st.just(START + timedelta(minutes=30)),
    next_transition_at=st.none() | st.just(NOW),
    kept_open_since=st.none() | st.just(START),
    kept_open_until=st.just(NOW),
)
REFUSALS = st.fixed_dictionaries(
    {
        "code": st.sampled_from(ErrorCode),
        "message": TEXTS,
        "at": st.just(NOW.isoformat()),
        "retryAt": st.none() | st.just(NOW.isoformat()),
    }
)
TOLD: dict[SessionEventKind, st.SearchStrategy[dict[str, Any]]] = {
    SessionEventKind.STATUS_CHANGED: st.fixed_dictionaries(
        {
            "from": st.sampled_from(SessionStatus),
            "to": st.sampled_from(SessionStatus),
            "cause": st.sampled_from(TransitionCause),
            "reason": st.none() | TEXTS,
        }
    ),
    SessionEventKind.RESCHEDULED: st.fixed_dictionaries(
        {"scheduled_at": st.just("2026-03-02T13:00:00+02:00"), "duration_minutes": NUMBERS}
    ),
    SessionEventKind.KEPT_OPEN_CHANGED: st.just({"kept_open": None})
    | st.just({"kept_open": {"since": str(START), "until": str(NOW), "by_id": None}}),
    SessionEventKind.MEETING_REFUSED: REFUSALS,
    SessionEventKind.TEACHER_MISSING: st.just({"teacher_id": 1}),
    SessionEventKind.PRESENCE_CHANGED: STATES.map(state_to_json),
    SessionEventKind.PRESENCE_REMOVED: STATES.map(state_to_json),
}


@st.composite
def presence_events(draw: Any) -> PresenceEvent:
    there, roster, people = draw(SESSIONS), draw(ROSTERS), draw(PEOPLE)
    if draw(st.booleans()):
        return PresenceSnapshot.of(roster, there, NOW, people, SHARED)
    rows = [changed(state) for state in draw(ROSTERS)]
    return changes([*rows, *map(removed, draw(ROSTERS))], roster, people, there)


@st.composite
def session_events(draw: Any) -> EventType:
    there = draw(SESSIONS)
    kind: SessionEventKind | None = draw(st.none() | st.sampled_from(SessionEventKind))
    if kind is None:
        return snapshot_of(there, NOW, SHARED)
    if kind is SessionEventKind.MEETING_CREATED:
        there = session(**MEETING)
    told = draw(TOLD.get(kind, st.just({})))
    return event_of(happened(kind, told), there, NOW, SHARED)


@st.composite
def attendance_updates(draw: Any) -> AttendanceUpdate:
    state, people = draw(STATES), draw(PEOPLE)
    row = Attendance.of(state, draw(SESSIONS), NOW, people.get(state.user_id))
    return AttendanceUpdate(cursor="c", version=7, as_of=NOW, attendance=row, shared=SHARED)
