"""A session is stuck once something is later than its allowance, and not a moment before."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.status import SessionStatus
from domain.stuck import (
    MEETING_LATE,
    MOVE_LATE,
    RESULT_LATE,
    ROOM_LATE,
    Condition,
    Stuck,
    StuckReason,
    Undone,
    find_trouble,
)

SINCE = datetime(2026, 3, 2, 11, tzinfo=UTC)
MOMENT = timedelta(milliseconds=1)
WELL: dict[str, Any] = {
    "status": SessionStatus.ONGOING,
    "next_transition_at": None,
    "last_error": None,
    "opened_at": SINCE,
    "has_meeting": True,
    "refusal": None,
    "wants_room": True,
    "has_room": True,
    "room_error": None,
    "room_well_at": SINCE,
    "ended_at": SINCE,
    "is_final": False,
    "deleting": None,
    "finalising": None,
    "teacher_due_at": SINCE + timedelta(minutes=15),
    "ends_at": SINCE + timedelta(hours=1),
    "has_teacher": True,
}
OVER = {"status": SessionStatus.COMPLETED}
UNDONE = Undone(SINCE, "why")
CASES = [
    (StuckReason.OVERDUE, MOVE_LATE, {"next_transition_at": SINCE, "last_error": "why"}),
    (StuckReason.NO_MEETING, MEETING_LATE, {"has_meeting": False}),
    (StuckReason.ROOM_NOT_MADE, ROOM_LATE, {"room_error": "why"}),
    (StuckReason.NOT_ENDED, ROOM_LATE, OVER | {"is_final": True, "deleting": UNDONE}),
    (StuckReason.NOT_FINALISED, RESULT_LATE, OVER | {"finalising": UNDONE}),
]


@pytest.mark.parametrize(("reason", "allowance", "trouble"), CASES, ids=lambda case: str(case))
def test_it_is_stuck_after_its_allowance(
    reason: StuckReason, allowance: timedelta, trouble: dict[str, Any]
) -> None:
    session = Condition(**WELL | trouble)
    assert find_trouble(session, SINCE + allowance) is None
    found = find_trouble(session, SINCE + allowance + MOMENT)
    assert found is not None
    detail = None if reason is StuckReason.NO_MEETING else "why"
    assert (found.reason, found.since, found.detail) == (reason, SINCE, detail)


@pytest.mark.parametrize("status", SessionStatus)
def test_a_room_is_not_deleted_while_its_session_is_not_live(status: SessionStatus) -> None:
    left = {"status": status, "is_final": True, "deleting": UNDONE}
    found = find_trouble(Condition(**WELL | left), SINCE + ROOM_LATE + MOMENT)
    stuck = Stuck(StuckReason.NOT_ENDED, SINCE, "why")
    assert found == (None if status.is_live else stuck)


@pytest.mark.parametrize("status", [SessionStatus.READY, SessionStatus.ONGOING])
def test_a_refused_meeting_is_missing_at_once(status: SessionStatus) -> None:
    refused = {"status": status, "has_meeting": False, "refusal": "why", "has_teacher": False}
    found = find_trouble(Condition(**WELL | refused), SINCE)
    assert found == Stuck(StuckReason.NO_MEETING, SINCE, "why")


def test_a_teacher_is_missing_from_the_moment_they_are_due_until_the_end() -> None:
    session = Condition(**WELL | {"has_teacher": False})
    due_at, ends_at = session.teacher_due_at, session.ends_at
    assert find_trouble(session, due_at - MOMENT) is None
    for moment in (due_at, ends_at - MOMENT):
        assert find_trouble(session, moment) == Stuck(StuckReason.NO_TEACHER, due_at, None)
    assert find_trouble(session, ends_at) is None
    for status in (SessionStatus.READY, SessionStatus.SCHEDULED, SessionStatus.CANCELLED):
        other = Condition(**WELL | {"has_teacher": False, "status": status})
        assert find_trouble(other, due_at) is None


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"has_room": False, "wants_room": False},
        {"has_room": False, "room_well_at": None},
        {"deleting": UNDONE},
        OVER | {"is_final": True},
        {"status": SessionStatus.CANCELLED, "has_meeting": False},
    ],
)
def test_it_is_not_stuck_for_ever_so_long(change: dict[str, Any]) -> None:
    assert find_trouble(Condition(**WELL | change), SINCE + timedelta(days=1)) is None
