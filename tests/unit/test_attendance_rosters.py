"""One attendance as clients get it, and what a roster adds up to."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from domain.access import UserRole
from domain.attendance.fold import Result
from domain.attendance.state import AttendanceState, Window, from_ms, statistics, to_ms
from models.attendance_json import state_from_json, state_to_json
from tests.support.attendance_lines import HOUR, MINUTE, START, joined, left, result

WINDOW = Window(START, START + HOUR)
ABSENT = AttendanceState(
    participant_id=1, session_id=2, user_id=3, role=UserRole.STUDENT, is_expected=True
)
HALF = replace(
    ABSENT,
    result=result(joined("PA_1", 20 * MINUTE), left("PA_1", 50 * MINUTE, since=20 * MINUTE)),
)


def test_a_moment_is_cut_off_to_its_millisecond() -> None:
    moment = datetime(2026, 3, 2, 11, 0, 0, 123_999, tzinfo=UTC)
    assert from_ms(to_ms(moment)) == moment - timedelta(microseconds=999)


@pytest.mark.parametrize("state", [ABSENT, HALF, replace(HALF, is_barred=True, is_final=True)])
def test_it_is_read_as_it_was_written(state: AttendanceState) -> None:
    told = state_to_json(state)
    assert "open_sids" not in told
    assert state_from_json(told | {"unknown": 1}) == state


@pytest.mark.parametrize(
    ("state", "at", "late"),
    [(ABSENT, 15, 15), (ABSENT, 90, 60), (HALF, 90, 20), (ABSENT, -5, 0)],
)
def test_lateness_runs_until_they_come_or_the_end(
    state: AttendanceState, at: int, late: int
) -> None:
    assert state.late_by_ms(WINDOW, START + at * MINUTE) == late * MINUTE


def test_a_roster_adds_up_for_those_who_are_expected() -> None:
    guest = replace(HALF, is_expected=False)
    found = statistics([ABSENT, HALF, guest], WINDOW, START + 2 * HOUR)
    assert (found.expected, found.participants, found.in_meeting) == (2, 2, 0)
    assert found.average_percentage == pytest.approx(25, abs=0.1)
    assert found.total_ms == pytest.approx(30 * MINUTE, abs=1000)


def test_a_roster_of_nobody_is_zero() -> None:
    found = statistics([], WINDOW, START)
    assert (found.expected, found.average_percentage, found.total_ms) == (0, 0.0, 0)


def test_a_state_without_lines_is_empty() -> None:
    assert ABSENT.result == Result()
    assert not ABSENT.has_joined
