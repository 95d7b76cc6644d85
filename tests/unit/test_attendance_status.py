"""Cycles become the time that counts, and that time becomes a status."""

import pytest

from domain.attendance.fold import AttendanceStatus, Confidence, Policy, fold, percentage, total_ms
from tests.support.attendance_lines import HOUR, MINUTE, START, facts, left, result, seen


@pytest.mark.parametrize(
    ("start", "end", "counted"),
    [
        (-20 * MINUTE, 80 * MINUTE, HOUR),
        (-20 * MINUTE, 5_000, 5_000),
        (HOUR - 5_000, HOUR + 9_000, 5_000),
        (-20 * MINUTE, -10 * MINUTE, 0),
        (HOUR + 1, HOUR + 9_000, 0),
        (7, 1_001, 994),
    ],
)
def test_only_time_inside_the_schedule_counts(start: int, end: int, counted: int) -> None:
    assert result(left("A", end, since=start)).closed_ms == counted


@pytest.mark.parametrize(
    ("since", "as_of", "total"),
    [
        (None, 30 * MINUTE, 1_000),
        (10_000, 10_000, 1_000),
        (10_000, 12_345, 3_345),
        (10_000, 9_000, 1_000),  # asked about a time before its start
        (-5_000, 2_000, 3_000),  # early minutes do not count
        (-5_000, -2_000, 1_000),
        (HOUR - 4_000, 2 * HOUR, 5_000),  # nor does overtime
        (HOUR + 4_000, 2 * HOUR, 1_000),
    ],
)
def test_the_total_is_what_is_closed_and_the_open_cycle_so_far(
    since: int | None, as_of: int, total: int
) -> None:
    opened = None if since is None else START + since
    assert total_ms(1_000, opened, START + as_of, START, START + HOUR) == total


def test_a_percentage_lies_between_0_and_100() -> None:
    assert percentage(0, HOUR) == 0.0
    assert percentage(20 * MINUTE, HOUR) == pytest.approx(100 / 3)
    assert percentage(HOUR, HOUR) == 100.0
    assert percentage(HOUR + 1, HOUR) == 100.0
    assert percentage(0, 0) == 0.0


def status(start: int, end: int, **values: object) -> AttendanceStatus | None:
    given = {"is_final": True, "ended_ms": START + HOUR, "policy": Policy()} | values
    return fold([left("A", end, since=start)], facts(**given)).status


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (0, 18 * MINUTE - 1, AttendanceStatus.ABSENT),
        (0, 18 * MINUTE, AttendanceStatus.PARTIAL),
        (0, 48 * MINUTE - 1, AttendanceStatus.PARTIAL),
        (0, 48 * MINUTE, AttendanceStatus.PRESENT),
        (12 * MINUTE, HOUR, AttendanceStatus.PRESENT),
        (-30 * MINUTE, 80 * MINUTE, AttendanceStatus.PRESENT),
        (-30 * MINUTE, 0, AttendanceStatus.ABSENT),
    ],
)
def test_the_share_of_the_session_is_the_status(
    start: int, end: int, expected: AttendanceStatus
) -> None:
    assert status(start, end) is expected


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        (15 * MINUTE, AttendanceStatus.PRESENT),
        (15 * MINUTE + 1, AttendanceStatus.LATE),
        (42 * MINUTE + 1, AttendanceStatus.ABSENT),
    ],
)
def test_a_student_whose_first_join_is_after_the_grace_is_late(
    start: int, expected: AttendanceStatus
) -> None:
    policy = Policy(present_from_percent=50)
    assert status(start, HOUR, policy=policy) is expected


def test_late_but_there_for_too_little_is_partial() -> None:
    assert status(30 * MINUTE, HOUR) is AttendanceStatus.PARTIAL


def test_a_student_who_never_came_is_absent_under_every_policy() -> None:
    for percent in (0, 30):
        policy = Policy(partial_from_percent=percent, present_from_percent=percent)
        assert result(is_final=True, policy=policy).status is AttendanceStatus.ABSENT


@pytest.mark.parametrize("fact", ["is_final", "is_expected", "was_joinable"])
def test_there_is_no_status_before_the_end_nor_for_guests_nor_where_nobody_could_join(
    fact: str,
) -> None:
    assert status(0, HOUR, **{fact: False}) is None
    assert result(**{"is_final": True, fact: False}).status is None


def test_a_status_counts_a_stay_that_was_only_seen() -> None:
    found = result(seen("A", 50 * MINUTE, since=0), is_final=True, ended_ms=START + HOUR)
    assert found.status is AttendanceStatus.PRESENT
    assert found.confidence is Confidence.ESTIMATED
