"""A room's start and end change everybody's stays. RM_1, RM_2, RM_3 are made at -10, 20, 40 min."""

import pytest

from domain.attendance.fold import Confidence, CycleEnd, CycleStart, Line, Presence
from tests.support.attendance_lines import (
    MINUTE,
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

OPENED = CycleStart.JOINED
NEWER = 20 * MINUTE  # when RM_2 was made
ALIVE = 19 * MINUTE + 55_000  # when somebody last saw RM_1


def test_a_finished_room_ends_its_stays() -> None:
    found = result(joined("A", 0), room_finished(9_000, received_ms=9_400))
    assert visits(found.cycles) == [(0, 9_400, OPENED, CycleEnd.ROOM_FINISHED)]
    assert found.confidence is Confidence.ESTIMATED


def test_a_finished_room_told_late_was_finished_in_its_second() -> None:
    found = result(joined("A", 0), room_finished(9_000, received_ms=30_000))
    assert visits(found.cycles) == [(0, 9_999, OPENED, CycleEnd.ROOM_FINISHED)]


def test_a_finished_room_ends_no_stay_of_another_room() -> None:
    found = result(joined("A", NEWER + 5_000, room="RM_2"), room_finished(NEWER + 9_000))
    assert visits(found.cycles) == [(NEWER + 5_000, None, OPENED, None)]


def test_a_leave_after_the_room_was_finished_still_counts() -> None:
    lines = joined("A", 0), room_finished(9_000), left("A", 10_000, since=0)
    found = result(*lines)
    assert visits(found.cycles) == [(0, 10_000, OPENED, CycleEnd.LEFT)]
    assert found.confidence is Confidence.CONFIRMED


def test_a_newer_room_ends_the_stays_of_the_older_at_the_last_sign_of_life() -> None:
    found = result(joined("A", 0), room_started("RM_2", alive=ALIVE))
    assert visits(found.cycles) == [(0, ALIVE, OPENED, CycleEnd.STALE)]
    assert found.confidence is Confidence.ESTIMATED
    assert found.presence is Presence.LEFT


def test_the_older_room_was_gone_when_the_newer_was_made() -> None:
    found = result(joined("A", 0), room_started("RM_2", alive=NEWER + 7_000))
    assert visits(found.cycles) == [(0, NEWER, OPENED, CycleEnd.STALE)]


def test_the_first_of_several_newer_rooms_ends_the_stay() -> None:
    lines = room_started("RM_2", alive=ALIVE), room_started("RM_3", alive=39 * MINUTE)
    assert visits(result(joined("A", 0), *lines).cycles)[0][1] == ALIVE


def test_a_later_room_that_knows_less_changes_nothing() -> None:
    lines = room_started("RM_2", alive=ALIVE), room_started("RM_3", alive=10 * MINUTE)
    for told in (lines, lines[::-1]):
        assert visits(result(joined("A", 0), *told).cycles)[0][1] == ALIVE


def test_a_look_into_the_newer_room_says_nothing_of_the_older() -> None:
    looked = not_seen("B", NEWER + 90_000, alive=NEWER + 80_000, room="RM_2")
    lines = joined("A", 3_000), joined("B", NEWER + 5_000, room="RM_2"), looked
    assert visits(result(*lines).cycles)[0][1] == 3_000


def test_a_repeated_start_of_the_newer_room_does_not_speak_of_the_older() -> None:
    again = room_started("RM_2", alive=NEWER + MINUTE, received_ms=NEWER + MINUTE)
    lines = room_started("RM_2", alive=ALIVE), again
    assert visits(result(joined("A", 0), *lines).cycles)[0][1] == ALIVE


def test_a_newer_room_is_known_from_somebody_who_joined_it() -> None:
    lines = joined("A", 0), seen("A", ALIVE, since=0), joined("B", NEWER + 5_000, room="RM_2")
    assert visits(result(*lines).cycles) == [
        (0, ALIVE, OPENED, CycleEnd.STALE),
        (NEWER + 5_000, None, OPENED, None),
    ]


def test_without_a_sign_of_life_nothing_after_the_join_is_credited() -> None:
    found = result(joined("A", 3_000), room_started("RM_2", alive=None))
    assert visits(found.cycles) == [(3_000, 3_000, OPENED, CycleEnd.STALE)]


def test_a_room_that_was_finished_was_alive_till_then_whatever_came_after_it() -> None:
    lines = (joined("A", 0), room_finished(9_000), room_started("RM_2"))
    assert visits(result(*lines).cycles) == [(0, 9_000, OPENED, CycleEnd.ROOM_FINISHED)]


def test_a_participant_seen_in_the_older_room_after_the_newer_is_still_there() -> None:
    lines = joined("A", 0), room_started("RM_2", alive=ALIVE), seen("A", NEWER + 1, since=0)
    assert visits(result(*lines).cycles) == [(0, None, OPENED, None)]


def test_the_next_newer_room_ends_a_stay_that_outlived_the_first() -> None:
    rooms = room_started("RM_2", alive=ALIVE), room_started("RM_3", alive=39 * MINUTE)
    found = result(joined("A", 0), *rooms, seen("A", 30 * MINUTE, since=0))
    assert visits(found.cycles) == [(0, 39 * MINUTE, OPENED, CycleEnd.STALE)]


def test_a_join_into_the_older_room_after_the_newer_counts() -> None:
    lines = room_started("RM_2", alive=ALIVE), joined("A", NEWER + 9_000, room="RM_1")
    assert visits(result(*lines).cycles) == [(NEWER + 9_000, None, OPENED, None)]
    assert result(*lines) == result(*reversed(lines))


def test_an_older_room_ends_no_stay_of_a_newer() -> None:
    lines = room_started("RM_1", alive=None), joined("A", NEWER + 5_000, room="RM_2")
    assert visits(result(*lines).cycles) == [(NEWER + 5_000, None, OPENED, None)]


def test_a_room_whose_making_nobody_told_is_older_than_one_made_after_the_join() -> None:
    lines = joined("A", 0, room="RM_?"), room_started("RM_2", alive=ALIVE)
    assert visits(result(*lines).cycles) == [(0, ALIVE, OPENED, CycleEnd.STALE)]
    lines = joined("A", NEWER, room="RM_?"), room_started("RM_2", alive=ALIVE)
    assert visits(result(*lines).cycles) == [(NEWER, None, OPENED, None)]


def test_a_leave_from_a_killed_room_is_believed_over_the_newer_room() -> None:
    lines = joined("A", 0), room_started("RM_2", alive=ALIVE), left("A", NEWER + 2_000, since=0)
    assert visits(result(*lines).cycles) == [(0, NEWER + 2_000, OPENED, CycleEnd.LEFT)]


@pytest.mark.parametrize(
    "lines", [(room_started("RM_1", alive=None), room_finished(9_000), room_started("RM_2"))]
)
def test_rooms_without_people_are_nobodys_attendance(lines: tuple[Line, ...]) -> None:
    assert result(*lines).presence is Presence.NOT_JOINED
    assert result(*lines, ended_ms=START + 60 * MINUTE).cycles == ()
