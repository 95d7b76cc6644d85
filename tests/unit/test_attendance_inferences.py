"""Conclusions from looks, the clock and the session's end; LiveKit's webhooks replace them."""

import pytest

from domain.attendance.fold import (
    Confidence,
    CycleEnd,
    CycleStart,
    EventSource,
    Presence,
)
from domain.attendance.inferences import RECONCILED_WITHIN_MS
from tests.support.attendance_lines import (
    START,
    expired,
    joined,
    left,
    not_seen,
    only,
    result,
    room_finished,
    seen,
    visits,
)

JOINED, LEFT_ONLY, FOUND = CycleStart.JOINED, CycleStart.LEFT_ONLY, CycleStart.RECONCILED
LEFT = CycleEnd.LEFT


def test_a_participant_seen_without_a_join_was_there_since_livekits_joined_at() -> None:
    found = result(seen("A", 40_000, since=3_000))
    assert visits(found.cycles) == [(3_000, None, FOUND, None)]
    assert found.presence is Presence.IN_MEETING
    assert found.confidence is Confidence.RECONCILED


def test_a_leave_makes_sure_of_a_stay_that_was_only_seen() -> None:
    lines = seen("A", 40_000, since=3_000), left("A", 60_000, since=3_000)
    assert only(*lines) == ((3_000, 60_000, LEFT_ONLY, LEFT), Confidence.CONFIRMED)


def test_a_participant_no_longer_seen_left_at_the_last_sign_of_life() -> None:
    lines = joined("A", 0), not_seen("A", 50_000, alive=40_000)
    assert only(*lines) == ((0, 40_000, JOINED, CycleEnd.RECONCILED), Confidence.RECONCILED)


@pytest.mark.parametrize(
    ("silent_ms", "confidence"),
    [
        (RECONCILED_WITHIN_MS, Confidence.RECONCILED),
        (RECONCILED_WITHIN_MS + 1, Confidence.ESTIMATED),
    ],
)
def test_the_confidence_of_a_missed_leave_depends_on_how_long_nobody_looked(
    silent_ms: int, confidence: Confidence
) -> None:
    lines = joined("A", 0), not_seen("A", 40_000 + silent_ms, alive=40_000)
    assert only(*lines) == ((0, 40_000, JOINED, CycleEnd.RECONCILED), confidence)


def test_a_stale_stay_expires_at_the_last_sign_of_life() -> None:
    lines = joined("A", 0), expired("A", 1_900_000, alive=40_000)
    assert only(*lines) == ((0, 40_000, JOINED, CycleEnd.STALE), Confidence.ESTIMATED)


def test_the_last_sign_of_life_is_the_join_where_none_was_known() -> None:
    assert only(joined("A", 7_000), not_seen("A", 50_000, alive=None))[0][1] == 7_000


def test_the_last_sign_of_life_is_a_look_that_the_line_did_not_know_of() -> None:
    lines = joined("A", 0), not_seen("A", 50_000, alive=20_000), seen("A", 30_000, since=0)
    assert only(*lines)[0][1] == 30_000


def test_a_later_look_cancels_the_ends_inferred_before_it() -> None:
    gone = not_seen("A", 50_000, alive=40_000), expired("A", 55_000, alive=45_000)
    found = result(joined("A", 0), *gone, room_finished(57_000), seen("A", 60_000, since=0))
    assert visits(found.cycles) == [(0, None, JOINED, None)]
    assert found.presence is Presence.IN_MEETING


def test_a_look_does_not_cancel_an_end_inferred_after_it() -> None:
    lines = joined("A", 0), seen("A", 50_000, since=0), not_seen("A", 70_000, alive=65_000)
    assert only(*lines)[0] == (0, 65_000, JOINED, CycleEnd.RECONCILED)


def test_the_earliest_inferred_end_counts() -> None:
    ends = (
        expired("A", 90_000, alive=60_000),
        not_seen("A", 95_000, alive=50_000),
        room_finished(70_000),
    )
    assert only(joined("A", 0), *ends)[0] == (0, 50_000, JOINED, CycleEnd.RECONCILED)


def test_a_leave_replaces_every_inferred_end() -> None:
    ends = expired("A", 90_000, alive=60_000), not_seen("A", 95_000, alive=50_000)
    leave = left("A", 80_000, since=0)
    assert only(joined("A", 0), *ends, leave, ended_ms=START + 70_000) == (
        (0, 80_000, JOINED, LEFT),
        Confidence.CONFIRMED,
    )


def test_ends_without_a_stay_make_no_cycle() -> None:
    lines = not_seen("A", 50_000, alive=40_000), expired("A", 50_000, alive=40_000)
    assert result(*lines).cycles == ()


def test_the_end_of_the_session_closes_what_nobody_closed() -> None:
    assert only(joined("A", 0), ended_ms=START + 90_000) == (
        (0, 90_000, JOINED, CycleEnd.STALE),
        Confidence.ESTIMATED,
    )


@pytest.mark.parametrize("at", [90_000, 95_000])
def test_a_stay_that_started_after_the_end_of_the_session_counts_nothing(at: int) -> None:
    stay = joined("A", at), left("A", 99_000, since=at)
    for told in (stay[:1], stay[1:], stay):
        assert result(*told, ended_ms=START + 90_000) == result(ended_ms=START + 90_000)
    assert result(joined("A", 89_999), ended_ms=START + 90_000).join_count == 1


def test_a_look_after_the_end_of_the_session_opens_nothing() -> None:
    found = result(joined("A", 0), seen("A", 95_000, since=0), ended_ms=START + 90_000)
    assert found.presence is Presence.LEFT


def test_a_report_does_not_move_a_stay_that_livekit_tells_of() -> None:
    early = joined("A", 1_000, source=EventSource.CLIENT)
    assert visits(result(joined("A", 5_000), early).cycles) == [(5_000, None, JOINED, None)]
