"""A teacher's override stands above the computed status, and changes nothing else."""

from dataclasses import replace

from domain.access import UserRole
from domain.attendance.fold import AttendanceStatus, Override
from domain.attendance.state import AttendanceState
from models.attendance_json import state_from_json, state_to_json
from tests.support.attendance_lines import HOUR, START, joined, left, override, result

PRESENT, ABSENT, LATE = AttendanceStatus.PRESENT, AttendanceStatus.ABSENT, AttendanceStatus.LATE
STAY = joined("A", 0), left("A", HOUR, since=0)


def test_an_override_counts_before_the_result_is_final() -> None:
    found = result(override(LATE, 5_000))
    assert found.status is LATE
    assert found.override == Override(LATE, "I saw it.", 7, START + 5_000)


def test_an_override_changes_nothing_but_the_status() -> None:
    computed = result(*STAY, is_final=True)
    said = result(*STAY, override(ABSENT, 5_000), is_final=True)
    assert computed.status is PRESENT
    assert said.status is ABSENT
    assert replace(said, status=PRESENT, override=None) == computed


def test_the_latest_counts_and_of_one_moment_the_later_source_id() -> None:
    first, second = override(LATE, 5_000, source_id="b"), override(ABSENT, 4_000, source_id="c")
    assert result(first, second).status is LATE
    third = override(PRESENT, 5_000, source_id="a")
    assert result(third, first, second).status is LATE


def test_a_withdrawn_override_is_gone_and_a_later_one_counts() -> None:
    said = override(LATE, 5_000), override(None, 6_000)
    assert result(*STAY, *said, is_final=True) == result(*STAY, is_final=True)
    assert result(*STAY, *said, override(ABSENT, 7_000), is_final=True).status is ABSENT


def test_an_override_of_who_is_not_expected_any_more_says_nothing() -> None:
    said = result(*STAY, override(LATE, 5_000), is_expected=False, is_final=True)
    assert (said.status, said.override) == (None, None)


def test_an_override_is_of_its_session_however_late_it_is_made() -> None:
    assert result(override(LATE, 90 * 24 * HOUR)).status is LATE


def test_a_state_that_was_stored_without_an_override_can_be_read() -> None:
    found = result(*STAY, override(LATE, 5_000))
    row = AttendanceState(
        participant_id=1, session_id=2, user_id=3, role=UserRole.STUDENT, is_expected=True
    )
    told = state_to_json(replace(row, result=found))
    assert state_from_json(told) == replace(row, result=replace(found, open_sids=()))
    del told["override"]
    assert state_from_json(told).result.override is None
