"""A meeting's options come from three layers, and its room closes when it should."""

from datetime import UTC, datetime, timedelta

import pytest

from domain.meeting import MeetingOptions, layered, room_goes_at

ENDS = datetime(2026, 3, 2, 12, tzinfo=UTC)


def test_the_first_layer_that_says_anything_counts() -> None:
    wishes = {"max_participants": 10, "recording_enabled": None}
    teacher = {"max_participants": 20, "recording_enabled": True, "chat_enabled": False}
    academy = {"max_participants": 30, "chat_enabled": True, "empty_timeout_seconds": 60}
    assert layered([wishes, teacher, academy], 60) == MeetingOptions(
        max_participants=10,
        recording_enabled=True,
        chat_enabled=False,
        empty_timeout_seconds=60,
        max_duration_minutes=120,
    )


@pytest.mark.parametrize(("wished", "lasts"), [(None, 105), (30, 45), (90, 90), (500, 105)])
def test_it_lasts_as_long_as_its_session_and_an_hour_more_at_most(
    wished: int | None, lasts: int
) -> None:
    assert layered([{"max_duration_minutes": wished}], 45).max_duration_minutes == lasts


@pytest.mark.parametrize(
    ("after", "is_left_open", "goes"), [(5, False, 5), (5, True, 120), (130, True, 130)]
)
def test_a_room_closes_now_or_two_hours_after_the_schedule(
    after: int, is_left_open: bool, goes: int
) -> None:
    now = ENDS + timedelta(minutes=after)
    assert room_goes_at(ENDS, now, is_left_open=is_left_open) == ENDS + timedelta(minutes=goes)
