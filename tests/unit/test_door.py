"""The door was open until nobody beat any more, or until all that came got 503."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.door import SHUT_AFTER, DoorBeat, open_until
from tests.support.make import ELEVEN


def at(seconds: float) -> datetime:
    return ELEVEN + timedelta(seconds=seconds)


def beat(seconds: float, *, stored: float | None = None, refused: float | None = None) -> DoorBeat:
    return DoorBeat(
        at(seconds),
        None if stored is None else at(stored),
        None if refused is None else at(refused),
    )


@pytest.mark.parametrize(
    ("beats", "seconds"),
    [
        pytest.param([beat(4)], 4, id="one process"),
        pytest.param([beat(4), beat(6)], 6, id="the latest beat counts"),
        pytest.param([beat(30, refused=7)], 7, id="nothing was ever stored"),
        pytest.param([beat(30, stored=5, refused=7)], 7, id="refused since the last one stored"),
        pytest.param([beat(30, stored=8)], 30, id="stored again"),
        pytest.param([beat(30, refused=7), beat(30, stored=9)], 30, id="another one stores"),
        pytest.param([beat(30, refused=7), beat(30)], 7, id="another one was never asked"),
        pytest.param([beat(30, refused=7), beat(29, refused=12)], 7, id="both refuse"),
        pytest.param([beat(20, stored=18), beat(60, refused=7)], 60, id="made good since"),
        pytest.param([beat(20, refused=7), beat(60)], 60, id="who refused is gone"),
        pytest.param([beat(30, stored=7, refused=7)], 30, id="the same moment"),
    ],
)
def test_the_last_moment_at_which_the_door_worked(beats: list[DoorBeat], seconds: float) -> None:
    assert open_until(beats) == at(seconds)


def test_without_a_beat_nothing_is_known() -> None:
    assert open_until([]) is None


def test_a_clock_that_was_set_back_leaves_nothing_ahead_of_it() -> None:
    assert beat(60, stored=50, refused=55).as_of(at(10)) == beat(10, stored=10, refused=10)
    assert beat(9, stored=8).as_of(at(10)) == beat(9, stored=8)


moments = st.integers(0, 60)
rows = st.builds(
    lambda seconds, stored, refused: beat(seconds, stored=stored, refused=refused),
    moments,
    st.none() | moments,
    st.none() | moments,
)


@given(st.lists(rows, min_size=1, max_size=6), st.randoms())
def test_the_order_of_the_rows_changes_nothing(beats: list[DoorBeat], chance: object) -> None:
    shuffled = sorted(beats, key=lambda _: chance.random())  # type: ignore[attr-defined]
    assert open_until(shuffled) == open_until(beats)


@given(st.lists(rows, min_size=1, max_size=6))
def test_it_is_never_later_than_the_latest_beat_nor_earlier_than_the_first_refusal(
    beats: list[DoorBeat],
) -> None:
    latest = max(one.beat_at for one in beats)
    refused = [one.refused_since for one in beats if one.refused_since is not None]
    found = open_until(beats)
    assert found is not None
    assert min([latest, *refused]) <= found <= latest


@given(st.lists(rows, min_size=1, max_size=6), moments)
def test_a_process_that_stores_now_opens_the_door(beats: list[DoorBeat], later: int) -> None:
    now = 61 + later
    assert open_until([*beats, beat(now, stored=now)]) == at(now)


@given(st.lists(rows, min_size=1, max_size=6))
def test_processes_that_are_gone_say_no_more_than_what_they_stored(beats: list[DoorBeat]) -> None:
    now = 61 + SHUT_AFTER.total_seconds()
    assert open_until([*beats, beat(now)]) == at(now)
