"""LiveKit's webhooks open and end stays, one rule a test."""

import pytest

from domain.attendance.fold import (
    Confidence,
    CycleEnd,
    CycleStart,
    Presence,
    end_of_leave,
)
from tests.support.attendance_lines import (
    START,
    aborted,
    joined,
    left,
    only,
    result,
    seen,
)

JOINED, LEFT_ONLY, FOUND = CycleStart.JOINED, CycleStart.LEFT_ONLY, CycleStart.RECONCILED
LEFT = CycleEnd.LEFT
SURE = Confidence.CONFIRMED


def test_a_stay_starts_when_the_participant_joined_and_ends_when_they_left() -> None:
    lines = joined("A", 1_234), left("A", 60_000, since=1_234, received_ms=60_250)
    assert only(*lines) == ((1_234, 60_250, JOINED, LEFT), SURE)


@pytest.mark.parametrize(
    ("received", "end"),
    [
        (60_000, 60_000),
        (60_421, 60_421),  # delivered at once: the exact time
        (60_999, 60_999),
        (61_000, 60_999),  # delivered late: only the second is known
        (95_000, 60_999),
    ],
)
def test_a_leave_ends_in_the_second_livekit_tells_at_the_millisecond_it_arrived(
    received: int, end: int
) -> None:
    leave = left("A", 60_000, since=0, received_ms=received)
    assert end_of_leave(leave, START) == START + end
    assert only(joined("A", 0), leave)[0] == (0, end, JOINED, LEFT)


def test_a_connection_timeout_ended_21_s_before_livekit_noticed() -> None:
    leave = left(
        "A", 60_000, since=5_000, received_ms=60_400, disconnect_reason="CONNECTION_TIMEOUT"
    )
    assert only(joined("A", 5_000), leave) == (
        (5_000, 39_400, JOINED, CycleEnd.CONNECTION_LOST),
        Confidence.ESTIMATED,
    )


def test_a_stay_never_ends_before_it_started() -> None:
    leave = left("A", 12_000, since=5_000, disconnect_reason="CONNECTION_TIMEOUT")
    assert end_of_leave(leave, START + 5_000) == START + 5_000
    assert only(joined("A", 5_000), leave)[0] == (5_000, 5_000, JOINED, CycleEnd.CONNECTION_LOST)
    # left in the second of joining
    leave = left("B", 5_000, since=5_700, received_ms=5_700)
    assert only(joined("B", 5_700), leave)[0] == (5_700, 5_700, JOINED, LEFT)


def test_a_leave_that_does_not_tell_the_start_does_not_end_before_it_either() -> None:
    leave = left("A", 5_000, since=None, received_ms=5_100)
    assert end_of_leave(leave, START) == START + 5_100
    assert only(joined("A", 5_700), leave)[0] == (5_700, 5_700, JOINED, LEFT)


def test_a_stay_starts_at_the_earliest_start_that_is_told_in_any_order() -> None:
    for lines in (
        (joined("A", 5_000), left("A", 9_000, since=4_990)),
        (joined("A", 4_990), left("A", 9_000, since=5_000)),
    ):
        assert only(*lines) == only(*reversed(lines)) == ((4_990, 9_000, JOINED, LEFT), SURE)


def test_a_stay_whose_start_nobody_tells_starts_when_it_was_told() -> None:
    assert only(joined("A", 5_000, joined_ms=None))[0] == (5_000, None, JOINED, None)


@pytest.mark.parametrize(
    ("reason", "closed_by"),
    [
        ("CLIENT_INITIATED", LEFT),
        ("SERVER_SHUTDOWN", LEFT),
        ("STATE_MISMATCH", LEFT),
        ("A_REASON_OF_2030", LEFT),
        (None, LEFT),
        ("DUPLICATE_IDENTITY", CycleEnd.REPLACED),
        ("PARTICIPANT_REMOVED", CycleEnd.REMOVED),
        ("ROOM_DELETED", CycleEnd.ROOM_FINISHED),
        ("ROOM_CLOSED", CycleEnd.ROOM_FINISHED),
    ],
)
def test_the_reason_of_a_leave_says_what_closed_the_stay(
    reason: str | None, closed_by: CycleEnd
) -> None:
    leave = left("A", 9_000, since=0, disconnect_reason=reason)
    assert only(joined("A", 0), leave) == ((0, 9_000, JOINED, closed_by), SURE)


def test_a_leave_alone_is_a_whole_stay_because_it_tells_when_it_started() -> None:
    leave = left("A", 9_000, since=2_345)
    assert only(leave) == ((2_345, 9_000, LEFT_ONLY, LEFT), SURE)


def test_the_earliest_of_several_leaves_counts() -> None:
    leaves = left("A", 9_000, since=0), left("A", 7_000, since=0), left("A", 8_000, since=0)
    assert only(joined("A", 0), *leaves)[0] == (0, 7_000, JOINED, LEFT)


def test_a_sid_that_left_is_never_opened_again() -> None:
    lines = left("A", 9_000, since=0), joined("A", 0), seen("A", 30_000, since=0)
    assert only(*lines)[0] == (0, 9_000, JOINED, LEFT)


def test_an_abort_ends_a_stay_that_had_started() -> None:
    lines = aborted("A", 9_000, since=0), joined("A", 0)
    assert only(*lines) == ((0, 9_000, JOINED, LEFT), SURE)


def test_an_abort_before_the_leave_is_the_end() -> None:
    lines = joined("A", 0), aborted("A", 7_000, since=0), left("A", 9_000, since=0)
    assert only(*lines)[0] == (0, 7_000, JOINED, LEFT)


def test_an_abort_without_a_join_is_a_connection_that_never_was() -> None:
    assert result(aborted("A", 9_000, since=0)).presence is Presence.NOT_JOINED


def test_an_abort_does_not_shorten_a_stay_that_only_its_leave_tells_of() -> None:
    lines = aborted("A", 7_000, since=0), left("A", 9_000, since=0)
    assert only(*lines)[0] == (0, 9_000, LEFT_ONLY, LEFT)


def test_a_join_that_says_disconnected_opens_nothing() -> None:
    late = joined("A", 0, is_disconnected=True)
    assert result(late).cycles == ()
    assert result(late, aborted("A", 1_000, since=0)).cycles == ()
    assert only(late, left("A", 1_000, since=0))[0] == (0, 1_000, LEFT_ONLY, LEFT)
