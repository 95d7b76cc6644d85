"""A page's reports change presence at once, and nothing else until LiveKit confirms them."""

import pytest

from domain.attendance.fold import (
    AttendanceStatus,
    Confidence,
    CycleEnd,
    CycleStart,
    EventKind,
    Line,
    Presence,
    Result,
)
from tests.support.attendance_lines import (
    HOUR,
    MINUTE,
    START,
    aborted,
    joined,
    left,
    line,
    not_seen,
    report,
    result,
    seen,
    unconfirmed,
    visits,
)

JOINED, REPORTED = CycleStart.JOINED, CycleStart.CLIENT_REPORT
LEAVES = EventKind.LEFT


def counted(found: Result) -> tuple[int | None, int, int | None, int, int]:
    return (
        found.first_joined_ms,
        found.closed_ms,
        found.joined_since_ms,
        found.join_count,
        found.leave_count,
    )


@pytest.mark.parametrize("sid", ["A", None])
def test_a_reported_join_is_presence_and_no_time(sid: str | None) -> None:
    found = result(report(sid, MINUTE))
    assert (found.presence, found.confidence) == (Presence.IN_MEETING, Confidence.REPORTED)
    assert visits(found.cycles) == [(MINUTE, None, REPORTED, None)]
    assert counted(found) == counted(result())
    assert found.open_sids == ()


@pytest.mark.parametrize("sid", ["A", None])
def test_a_reported_join_and_leave_are_no_attendance(sid: str | None) -> None:
    found = result(report(sid, 0), report(sid, 59 * MINUTE, LEAVES), is_final=True)
    assert found.presence is Presence.LEFT
    assert visits(found.cycles) == [(0, 59 * MINUTE, REPORTED, CycleEnd.CLIENT_REPORT)]
    assert counted(found) == counted(result())
    assert found.status is AttendanceStatus.ABSENT


@pytest.mark.parametrize("sid", ["A", None])
@pytest.mark.parametrize("leaves", [True, False])
def test_an_unconfirmed_report_leaves_no_trace(sid: str | None, leaves: bool) -> None:
    lines = [report(sid, 0), unconfirmed(sid, MINUTE)]
    if leaves:
        lines.append(report(sid, 30_000, LEAVES))
    assert result(*lines) == result()


def test_a_report_after_an_expired_one_counts_anew() -> None:
    found = result(report("A", 0), unconfirmed("A", MINUTE), report("A", 2 * MINUTE))
    assert visits(found.cycles) == [(2 * MINUTE, None, REPORTED, None)]


@pytest.mark.parametrize(
    "told",
    [
        [joined("A", 100)],
        [seen("A", 20_000, since=100)],
        [left("A", 50_000, since=100)],
        [joined("A", 100), left("A", 50_000, since=100)],
    ],
)
@pytest.mark.parametrize("sid", ["A", None])
@pytest.mark.parametrize("expires", [True, False])
def test_a_report_that_livekit_confirms_is_livekits_stay(
    told: list[Line], sid: str | None, expires: bool
) -> None:
    late = [unconfirmed(sid, MINUTE)] if expires else []
    assert result(report(sid, 0), *told, *late) == result(*told)


def test_an_abort_says_that_the_reported_connection_never_was() -> None:
    assert result(report("A", 0), aborted("A", 1_000, since=0)) == result()


def test_a_report_that_names_no_stay_is_of_the_one_that_goes_on_or_comes_not_of_one_before() -> (
    None
):
    before = joined("A", 0), left("A", MINUTE, since=0)
    after = joined("B", 3 * MINUTE), left("B", 4 * MINUTE, since=3 * MINUTE)
    assert result(*before, report(None, 30_000)) == result(*before)
    assert result(*before, report(None, 2 * MINUTE)).presence is Presence.IN_MEETING
    assert result(*before, report(None, 2 * MINUTE), *after) == result(*before, *after)


def test_a_reported_return_is_a_cycle_of_its_own_after_the_confirmed_one() -> None:
    stay = joined("A", 0), left("A", MINUTE, since=0)
    found = result(*stay, report("B", MINUTE + 5_000))
    assert visits(found.cycles)[1] == (MINUTE + 5_000, None, REPORTED, None)
    assert counted(found) == counted(result(*stay))
    assert found.presence is Presence.IN_MEETING


def test_a_second_device_that_is_only_reported_adds_nothing() -> None:
    assert result(joined("A", 0), report("B", MINUTE)) == result(joined("A", 0))


@pytest.mark.parametrize("sid", ["A", None])
def test_a_reported_leave_ends_the_stay_until_livekit_knows_better(sid: str | None) -> None:
    stay, leave = joined("A", 0), report(sid, 30_000, LEAVES)
    found = result(stay, leave)
    assert visits(found.cycles) == [(0, 30_000, JOINED, CycleEnd.CLIENT_REPORT)]
    assert (found.presence, found.confidence) == (Presence.LEFT, Confidence.REPORTED)
    told = left("A", 31_000, since=0)
    assert result(stay, leave, told) == result(stay, told)
    assert result(stay, leave, seen("A", 35_000, since=0)) == result(stay)
    assert result(stay, leave, seen("A", 29_000, since=0)) == found


@pytest.mark.parametrize("sid", ["A", None])
def test_a_page_cannot_take_its_leave_back_but_a_look_can(sid: str | None) -> None:
    left_and_back = joined("A", 0), report(sid, 30_000, LEAVES), report(sid, 31_000)
    found = result(*left_and_back)
    assert visits(found.cycles) == [
        (0, 30_000, JOINED, CycleEnd.CLIENT_REPORT),
        (31_000, None, REPORTED, None),
    ]
    assert (found.presence, found.open_sids) == (Presence.IN_MEETING, ("A",))
    assert counted(found) == (START, 30_000, None, 1, 1)
    assert result(*left_and_back, seen("A", 35_000, since=0)) == result(joined("A", 0))
    gone = result(*left_and_back, not_seen("A", 40_000, alive=29_000))
    assert (gone.closed_ms, gone.open_sids) == (29_000, ())


@pytest.mark.parametrize("sid", ["A", None])
def test_the_report_that_a_look_confirmed_is_not_a_new_one_after_the_leave(sid: str | None) -> None:
    lines = report(sid, 0), joined("A", 100), report(sid, 30_000, LEAVES)
    assert visits(result(*lines).cycles) == [(100, 30_000, JOINED, CycleEnd.CLIENT_REPORT)]


def test_a_reported_leave_that_a_look_refuted_is_not_believed_again() -> None:
    lines = joined("A", 0), report("A", 30_000, LEAVES), seen("A", 35_000, since=0)
    assert result(*lines, report("A", 36_000, LEAVES)) == result(joined("A", 0))
    other = joined("B", 35_500), report("B", 36_000, LEAVES)
    assert result(*lines, *other, report(None, 40_000, LEAVES)).open_sids == ("A", "B")
    assert result(*lines, left("A", 50_000, since=0)) == result(
        joined("A", 0), left("A", 50_000, since=0)
    )


def test_a_leave_of_another_stay_is_not_this_ones() -> None:
    assert result(joined("A", 0), report("B", 30_000, LEAVES)) == result(joined("A", 0))


def test_a_leave_before_the_join_is_an_earlier_stays() -> None:
    assert result(joined("A", 40_000), report(None, 30_000, LEAVES)) == result(joined("A", 40_000))


def test_no_report_is_open_in_a_session_that_is_over() -> None:
    found = result(report("A", 0), ended_ms=START + HOUR)
    assert visits(found.cycles) == [(0, HOUR, REPORTED, CycleEnd.STALE)]
    assert found.closed_ms == 0


def test_a_line_of_livekits_without_a_sid_confirms_nothing() -> None:
    found = result(report(None, 0), line(EventKind.NOT_SEEN, 1_000, alive_ms=0))
    assert found.presence is Presence.IN_MEETING
