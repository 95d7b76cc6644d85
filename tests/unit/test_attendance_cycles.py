"""Stays that lie close together are one cycle."""

from dataclasses import replace
from datetime import timedelta

import pytest

from domain.attendance.fold import (
    Confidence,
    CycleEnd,
    CycleStart,
    Line,
    Policy,
    Presence,
    Result,
)
from tests.support.attendance_lines import (
    HOUR,
    START,
    joined,
    left,
    not_seen,
    result,
    room_finished,
    room_started,
    seen,
    visits,
)

OPENED, LEFT_ONLY, LEFT = CycleStart.JOINED, CycleStart.LEFT_ONLY, CycleEnd.LEFT
TWO_MINUTES = Policy(merge_gap_seconds=120)
DAY = int(timedelta(days=1).total_seconds()) * 1000


def stay(sid: str, start: int, end: int, **values: object) -> tuple[Line, Line]:
    return joined(sid, start), left(sid, end, since=start, **values)


def test_a_log_without_lines_gives_an_empty_result() -> None:
    assert result() == Result(
        presence=Presence.NOT_JOINED,
        cycles=(),
        first_joined_ms=None,
        last_left_ms=None,
        closed_ms=0,
        joined_since_ms=None,
        join_count=0,
        leave_count=0,
        confidence=Confidence.CONFIRMED,
        status=None,
    )


def test_a_second_join_opens_a_second_cycle() -> None:
    found = result(*stay("A", 0, 600_000), joined("B", 900_000))
    assert visits(found.cycles) == [(0, 600_000, OPENED, LEFT), (900_000, None, OPENED, None)]
    assert found.presence is Presence.IN_MEETING
    assert found.first_joined_ms == START
    assert found.last_left_ms == START + 600_000
    assert found.joined_since_ms == START + 900_000
    assert (found.join_count, found.leave_count, found.closed_ms) == (2, 1, 600_000)


def test_two_devices_at_once_count_once() -> None:
    found = result(*stay("A", 0, 600_000), *stay("B", 300_000, 900_000), *stay("C", 10_000, 20_000))
    assert visits(found.cycles) == [(0, 900_000, OPENED, LEFT)]
    assert found.closed_ms == 900_000


@pytest.mark.parametrize(
    ("back", "is_same"), [(220_000, True), (219_999, True), (220_001, False), (100_000, True)]
)
def test_back_within_the_merge_gap_is_the_same_cycle_and_the_gap_counts(
    back: int, is_same: bool
) -> None:
    found = result(*stay("A", 0, 100_000), *stay("B", back, 300_000), policy=TWO_MINUTES)
    expected = (
        [(0, 300_000, OPENED, LEFT)]
        if is_same
        else [(0, 100_000, OPENED, LEFT), (back, 300_000, OPENED, LEFT)]
    )
    assert visits(found.cycles) == expected
    assert found.closed_ms == (300_000 if is_same else 100_000 + 300_000 - back)


@pytest.mark.parametrize(("back", "cycles"), [(99_999, 1), (100_000, 1), (100_001, 2)])
def test_with_merging_off_only_what_overlaps_or_touches_is_one_cycle(
    back: int, cycles: int
) -> None:
    found = result(*stay("A", 0, 100_000), *stay("B", back, 300_000))
    assert found.join_count == found.leave_count == cycles


def test_the_gap_is_measured_from_the_end_that_reaches_furthest() -> None:
    lines = *stay("A", 0, 500_000), *stay("B", 10_000, 20_000), *stay("C", 610_000, 700_000)
    assert visits(result(*lines, policy=TWO_MINUTES).cycles) == [(0, 700_000, OPENED, LEFT)]


def test_a_cycle_is_open_while_one_of_its_stays_is() -> None:
    found = result(joined("A", 0), *stay("B", 10_000, 20_000))
    assert visits(found.cycles) == [(0, None, OPENED, None)]


def test_a_cycle_says_what_opened_it_first_and_what_closed_it_last() -> None:
    first = left("A", 100_000, since=0)
    last = stay("B", 50_000, 200_000, disconnect_reason="PARTICIPANT_REMOVED")
    found = result(first, *last)
    assert visits(found.cycles) == [(0, 200_000, LEFT_ONLY, CycleEnd.REMOVED)]


def test_a_cycle_is_as_sure_as_its_weakest_stay() -> None:
    lost = stay("A", 0, 100_000, disconnect_reason="CONNECTION_TIMEOUT")
    looked = joined("B", 300_000), not_seen("B", 400_000, alive=390_000)
    sure = stay("C", 500_000, 600_000)
    merged = result(*lost, *stay("D", 70_000, 200_000), *looked, *sure)
    assert [cycle.confidence for cycle in merged.cycles] == [
        Confidence.ESTIMATED,
        Confidence.RECONCILED,
        Confidence.CONFIRMED,
    ]
    assert merged.confidence is Confidence.ESTIMATED
    assert result(*looked, *sure).confidence is Confidence.RECONCILED
    assert result(*sure).confidence is Confidence.CONFIRMED


def test_a_cycle_is_no_surer_than_a_weaker_stay_that_comes_later() -> None:
    lost = stay("B", 50_000, 200_000, disconnect_reason="CONNECTION_TIMEOUT")
    [cycle] = result(*stay("A", 0, 100_000), *lost, *stay("C", 150_000, 300_000)).cycles
    assert cycle.confidence is Confidence.ESTIMATED


def test_the_last_leave_is_that_of_the_last_closed_cycle() -> None:
    found = result(*stay("A", 0, 100_000), *stay("B", 200_000, 300_000), joined("C", 400_000))
    assert found.last_left_ms == START + 300_000


def test_a_storm_of_reconnections_is_one_cycle() -> None:
    lines = [
        line
        for number in range(309)
        for line in stay(f"PA_{number}", number * 2_900, number * 2_900 + 1_700)
    ]
    found = result(*lines, policy=TWO_MINUTES)
    assert visits(found.cycles) == [(0, 308 * 2_900 + 1_700, OPENED, LEFT)]


def test_a_webhook_that_was_sent_again_counts_as_it_came_first() -> None:
    leave = left("A", 60_000, since=0, received_ms=60_100)
    again = replace(leave, received_ms=leave.received_ms + 7_000)
    for lines in ([again, leave], [leave, again], [leave, again, leave]):
        assert visits(result(joined("A", 0), *lines).cycles) == [(0, 60_100, OPENED, LEFT)]


def test_a_copy_that_arrives_after_a_look_does_not_undo_what_the_look_showed() -> None:
    finish = room_finished(60_000, received_ms=60_100)
    again = replace(finish, received_ms=finish.received_ms + 7_000)
    lines = joined("A", 0), seen("A", 60_500, since=0)
    for copies in ([finish], [finish, again], [again, finish]):
        assert visits(result(*lines, *copies).cycles) == [(0, None, OPENED, None)]


@pytest.mark.parametrize(
    ("at", "is_folded"),
    [(-DAY, True), (-DAY - 1, False), (HOUR + DAY, True), (HOUR + DAY + 1, False)],
)
def test_lines_more_than_a_day_from_the_session_are_not_folded(at: int, is_folded: bool) -> None:
    assert (result(joined("A", at)).presence is Presence.IN_MEETING) is is_folded


def test_a_room_of_another_year_ends_nothing() -> None:
    stray = replace(room_started("RM_2", alive=0), occurred_ms=START - 400 * DAY)
    assert result(joined("A", 0), stray).presence is Presence.IN_MEETING
