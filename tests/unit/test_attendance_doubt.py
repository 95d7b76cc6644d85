"""Attendance says how sure it is: what the log proves, and what it leaves possible."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.attendance.fold import (
    ATTENDANCE_RULE,
    FIRST_RULE,
    AttendanceStatus,
    Confidence,
    CycleEnd,
    EventKind,
    Facts,
    Line,
    Policy,
    Presence,
    Result,
    fold,
    stays_of,
    total_ms,
)
from domain.attendance.stays import Stay
from tests.support.attendance_lines import (
    HOUR,
    MINUTE,
    START,
    away,
    expired,
    facts,
    joined,
    left,
    line,
    not_seen,
    override,
    report,
    result,
    room_finished,
    room_restarted,
    room_started,
    seen,
)
from tests.support.lives import Class, classes

ENDED = {"ended_ms": START + HOUR}
FINAL = {**ENDED, "is_final": True}
ANA = {"identity": "7_Ana"}


def minutes(found: Result, until: int = HOUR) -> tuple[float, float, float]:
    """At least, counted, at most, in minutes, as of `until`."""
    bounds = found.bounds

    def at(closed_ms: int, since_ms: int | None) -> float:
        return total_ms(closed_ms, since_ms, START + until, START, START + HOUR) / MINUTE

    counted = at(found.closed_ms, found.joined_since_ms)
    if bounds is None:
        return counted, counted, counted
    least = at(bounds.at_least_ms, bounds.at_least_since_ms)
    return least, counted, at(bounds.at_most_ms, bounds.at_most_since_ms)


# Silence is evidence of what would have been heard.


def test_while_our_door_is_open_an_open_stay_is_certain() -> None:
    found = result(joined("A", 0))
    assert found.presence is Presence.IN_MEETING
    assert minutes(found, 50 * MINUTE) == (50, 50, 50)
    assert minutes(result(joined("A", 0), **ENDED)) == (60, 60, 60)


def test_after_we_were_away_an_open_stay_goes_on_but_is_proved_until_then_only() -> None:
    found = result(joined("A", 0), away(10 * MINUTE, 20 * MINUTE))
    assert found.presence is Presence.IN_MEETING
    assert minutes(found, 30 * MINUTE) == (10, 30, 30)


def test_a_look_after_we_were_away_removes_the_doubt() -> None:
    lines = joined("A", 0), away(10 * MINUTE, 20 * MINUTE), seen("A", 21 * MINUTE, since=0)
    assert minutes(result(*lines)) == (60, 60, 60)
    assert result(*lines).bounds is None


def test_a_class_whose_end_we_missed_counts_until_the_last_sign_of_life() -> None:
    lines = joined("A", 0), away(15_000, 65 * MINUTE)
    found = result(*lines, **FINAL)
    assert minutes(found) == (0.25, 0.25, 60)
    assert found.status is AttendanceStatus.ABSENT
    assert found.needs_review


def test_looks_of_others_while_our_door_was_shut_are_signs_of_life() -> None:
    lines = joined("A", 0), away(15_000, 65 * MINUTE, alive=59 * MINUTE)
    assert minutes(result(*lines, **FINAL)) == (59, 59, 60)
    heard_later = joined("A", 0, received_ms=60 * MINUTE), lines[1]
    assert minutes(result(*heard_later, **FINAL)) == (0.25, 0.25, 60)
    other_room = joined("A", 0, room="RM_2"), lines[1]
    assert minutes(result(*other_room, **FINAL)) == (0.25, 0.25, 60)


def test_a_stay_that_was_told_once_our_door_was_open_again_is_certain() -> None:
    lines = away(10 * MINUTE, 20 * MINUTE), joined("A", 19 * MINUTE, received_ms=20 * MINUTE)
    assert minutes(result(*lines)) == (41, 41, 41)


def test_a_stay_that_began_while_we_were_away_is_proved_from_its_start() -> None:
    lines = joined("A", 12 * MINUTE), away(10 * MINUTE, 20 * MINUTE)
    assert minutes(result(*lines), 30 * MINUTE) == (0, 18, 18)


def test_the_first_of_two_absences_without_a_sign_between_counts() -> None:
    lines = joined("A", 0), away(10 * MINUTE, 20 * MINUTE), away(30 * MINUTE, 40 * MINUTE)
    assert minutes(result(*lines)) == (10, 60, 60)
    assert minutes(result(*lines, seen("A", 25 * MINUTE, since=0))) == (30, 60, 60)


def test_a_stay_that_is_stale_ends_at_its_last_sign_and_may_have_gone_on() -> None:
    lines = (
        joined("A", 0),
        away(10 * MINUTE, 12 * MINUTE),
        expired("A", 42 * MINUTE, alive=8 * MINUTE),
    )
    found = result(*lines)
    assert found.presence is Presence.LEFT
    assert minutes(found, 50 * MINUTE) == (10, 10, 50)


def test_a_stay_missed_after_we_were_away_lies_between_the_absence_and_the_look() -> None:
    lines = (
        joined("A", 0),
        away(10 * MINUTE, 20 * MINUTE),
        not_seen("A", 21 * MINUTE, alive=8 * MINUTE),
    )
    assert minutes(result(*lines)) == (10, 10, 21)


def test_a_leave_that_came_is_certain_whenever_we_were_away() -> None:
    lines = joined("A", 0), away(10 * MINUTE, 40 * MINUTE), left("A", 30 * MINUTE, since=0)
    assert minutes(result(*lines)) == (30, 30, 30)


def test_what_ended_the_stay_later_counts_also_once_the_class_is_over() -> None:
    shut = away(10 * MINUTE, 20 * MINUTE)
    lines = joined("A", 0, **ANA), shut, joined("B", 25 * MINUTE, **ANA)
    gone = left("B", HOUR, since=25 * MINUTE)
    assert minutes(result(*lines, gone)) == minutes(result(*lines, gone, **FINAL)) == (45, 60, 60)
    finished = joined("A", 0), shut, room_finished(40 * MINUTE, received_ms=40 * MINUTE)
    assert minutes(result(*finished)) == minutes(result(*finished, **FINAL)) == (10, 40, 40)


def test_an_open_stay_in_doubt_is_not_confirmed() -> None:
    found = result(joined("A", 0), away(10 * MINUTE, 20 * MINUTE))
    assert found.confidence is Confidence.ESTIMATED


def test_what_comes_after_the_class_says_nothing_of_the_time_before() -> None:
    missed = not_seen("A", 70 * MINUTE, alive=10 * MINUTE)
    assert minutes(result(joined("A", 0), missed, **FINAL)) == (60, 60, 60)


@pytest.mark.parametrize("ahead", [40_000, HOUR])
def test_a_lost_connection_told_by_a_clock_that_is_ahead_keeps_within_its_bounds(
    ahead: int,
) -> None:
    came = joined("A", ahead, received_ms=100)
    told = {"received_ms": 30_000, "disconnect_reason": "CONNECTION_TIMEOUT"}
    gone = left("A", 30_000 + ahead, since=ahead, **told)
    least, counted, most = minutes(result(came, gone))
    assert least <= counted <= most < 0.2


# Bounds of inferred ends.


def test_the_latest_sign_that_the_ends_allow_counts_where_witnesses_disagree() -> None:
    restart = room_restarted(20 * MINUTE, alive=19 * MINUTE)
    missed = not_seen("A", 20 * MINUTE, alive=15 * MINUTE)
    assert minutes(result(joined("A", 0), restart, missed)) == (19, 19, 20)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([not_seen("A", 20 * MINUTE, alive=19 * MINUTE)], (19, 19, 20)),
        ([not_seen("A", 20 * MINUTE, alive=None)], (0, 0, 20)),
        ([room_finished(20 * MINUTE, received_ms=20 * MINUTE)], (0, 20, 20)),
        ([seen("A", 15 * MINUTE, since=0), room_finished(20 * MINUTE)], (15, 20, 20)),
        ([room_started("RM_2", alive=18 * MINUTE)], (18, 18, 20)),
        ([room_restarted(20 * MINUTE, alive=18 * MINUTE)], (18, 18, 20)),
        ([report("A", 20 * MINUTE, EventKind.LEFT)], (20, 20, 60)),
    ],
    ids=["missed", "missed-unseen", "finished", "seen", "newer-room", "restarted", "reported"],
)
def test_an_unconfirmed_end_lies_between_the_last_sign_and_what_excludes_it(
    lines: list[Line], expected: tuple[float, float, float]
) -> None:
    found = result(joined("A", 0), *lines, **FINAL)
    assert tuple(round(value, 1) for value in minutes(found)) == expected


def test_a_lost_connection_is_uncertain_by_the_two_seconds_that_livekit_takes() -> None:
    leave = left("A", 60_000, since=0, disconnect_reason="CONNECTION_TIMEOUT")
    assert [round(value * 60) for value in minutes(result(joined("A", 0), leave))] == [38, 39, 40]


def test_a_stay_whose_start_nobody_told_may_have_begun_with_its_room() -> None:
    lines = line(EventKind.LEFT, 30 * MINUTE, participant_sid="A"), room_started("RM_1")
    assert minutes(result(*lines)) == (0, 0, 30)


# A newer connection of the same identity.


def test_a_newer_connection_ends_the_older_stay_whose_leave_is_lost() -> None:
    gone = left("B", 9 * MINUTE, since=6 * MINUTE)
    found = result(joined("A", 0, **ANA), joined("B", 6 * MINUTE, **ANA), gone)
    assert minutes(found) == (3, 9, 9)
    assert [cycle.closed_by for cycle in found.cycles] == [CycleEnd.LEFT]
    assert found.confidence is Confidence.ESTIMATED


def test_a_look_before_the_newer_connection_is_a_sign_of_the_older_one() -> None:
    newer = joined("B", 6 * MINUTE, alive_ms=6 * MINUTE - 2_000, **ANA)
    gone = left("B", 6 * MINUTE, since=6 * MINUTE)
    assert minutes(result(joined("A", 0, **ANA), newer, gone))[0] == pytest.approx(6 - 2 / 60)
    late = joined("A", 0, received_ms=6 * MINUTE, **ANA)
    assert minutes(result(late, newer, gone))[0] == 0


def test_the_third_connection_says_nothing_of_the_first() -> None:
    third = joined("C", 9 * MINUTE, alive_ms=8 * MINUTE, **ANA)
    lines = joined("A", 0, **ANA), joined("B", 6 * MINUTE, **ANA), third
    first = next(stay for stay in stays_of(lines, facts()) if stay.sid == "A")
    assert (first.at_least_ms, first.at_most_ms) == (START, START + 6 * MINUTE)


@pytest.mark.parametrize("other", [{"identity": "7_Ana#phone"}, {}])
def test_another_device_and_a_line_without_an_identity_end_nothing(other: dict[str, str]) -> None:
    lines = joined("A", 0, **ANA), joined("B", 6 * MINUTE, **other)
    assert [stay.end for stay in stays_of(lines, facts())] == [None, None]


def test_an_older_connection_that_is_seen_after_the_newer_one_goes_on() -> None:
    lines = joined("A", 0, **ANA), joined("B", 6 * MINUTE, **ANA), seen("A", 8 * MINUTE, since=0)
    assert all(stay.end is None for stay in stays_of(lines, facts()))


# A room that keeps its sid.


def test_a_restart_ends_the_stays_of_who_is_not_seen_again() -> None:
    back = joined("B", 21 * MINUTE)
    lines = joined("A", 0), room_restarted(20 * MINUTE, alive=19 * MINUTE), back
    ends = {stay.sid: stay.end and stay.end.at_ms - START for stay in stays_of(lines, facts())}
    assert ends == {"A": 19 * MINUTE, "B": None}
    again = stays_of([*lines, seen("A", 22 * MINUTE, since=0)], facts())
    assert all(stay.end is None for stay in again)


def test_the_first_start_of_a_room_however_late_it_comes_is_no_restart() -> None:
    started = room_started("RM_1", received_ms=30 * MINUTE)
    assert minutes(result(joined("A", 0), started)) == (60, 60, 60)


# The time the class was held.


@pytest.mark.parametrize(
    ("held", "came", "status", "percent_of"),
    [
        (45, 45, AttendanceStatus.PRESENT, 45),
        (45, 30, AttendanceStatus.PARTIAL, 45),
        (15, 15, AttendanceStatus.PRESENT, 15),
        (14, 14, None, 0),
    ],
)
def test_thresholds_are_of_the_time_that_a_person_let_the_class_go_on(
    held: int, came: int, status: AttendanceStatus | None, percent_of: int
) -> None:
    until = START + held * MINUTE
    lines = joined("A", 0), left("A", came * MINUTE, since=0)
    given_facts = facts(ended_ms=until, held_until_ms=until, is_final=True)
    assert fold(lines, given_facts).status is status
    assert given_facts.held_ms == percent_of * MINUTE


def test_a_class_shorter_than_the_minimum_took_place_if_it_was_held_to_its_end() -> None:
    end = START + 10 * MINUTE
    lines = joined("A", 0), left("A", 10 * MINUTE, since=0)
    by_the_clock = facts(ends_ms=end, ended_ms=end, is_final=True)
    assert fold(lines, by_the_clock).status is AttendanceStatus.PRESENT
    early = facts(ends_ms=end, ended_ms=end - 1, held_until_ms=end - 1, is_final=True)
    assert fold(lines, early).status is None


def test_a_class_that_ended_before_its_start_was_not_held() -> None:
    until = START - MINUTE
    assert facts(ended_ms=until, held_until_ms=until).held_ms == 0


def test_nobody_is_judged_where_nobody_could_join() -> None:
    found = result(joined("A", 0), was_joinable=False, **FINAL)
    assert (found.status, found.needs_review) == (None, False)


# Late.


def test_late_is_the_first_stay_that_reaches_into_the_class() -> None:
    early = joined("A", -9 * MINUTE), left("A", -2 * MINUTE, since=-9 * MINUTE)
    lines = *early, joined("B", 25 * MINUTE), left("B", HOUR, since=25 * MINUTE)
    half = Policy(present_from_percent=50)
    found = result(*lines, policy=half, **FINAL)
    assert found.arrived_ms == START + 25 * MINUTE
    assert found.first_joined_ms == START - 9 * MINUTE
    assert found.status is AttendanceStatus.LATE


def test_who_only_looked_in_before_the_class_has_not_arrived() -> None:
    found = result(joined("A", -9 * MINUTE), left("A", 0, since=-9 * MINUTE), **FINAL)
    assert (found.arrived_ms, found.status) == (None, AttendanceStatus.ABSENT)


def test_late_may_go_before_partial() -> None:
    lines = joined("A", 20 * MINUTE), left("A", HOUR, since=20 * MINUTE)
    assert result(*lines, **FINAL).status is AttendanceStatus.PARTIAL
    first = Policy(late_before_partial=True)
    assert result(*lines, policy=first, **FINAL).status is AttendanceStatus.LATE
    few = joined("A", 50 * MINUTE), left("A", HOUR, since=50 * MINUTE)
    assert result(*few, policy=first, **FINAL).status is AttendanceStatus.ABSENT


# Times ahead of their arrival.


def test_times_ahead_of_their_arrival_count_as_their_arrival() -> None:
    ahead = joined("A", 2 * HOUR, received_ms=5 * MINUTE)
    assert minutes(result(ahead), 30 * MINUTE) == (25, 25, 25)
    leave = left("A", 2 * HOUR, since=0, received_ms=10 * MINUTE)
    assert minutes(result(joined("A", 0), leave)) == (10, 10, 10)


def test_a_start_decades_ahead_is_capped_before_the_rule_of_a_day() -> None:
    far = joined("A", 0, joined_ms=73 * 365 * 24 * HOUR)
    assert minutes(result(far), 30 * MINUTE) == (30, 30, 30)
    told = joined("A", 73 * 365 * 24 * HOUR, received_ms=0)
    assert result(told).presence is Presence.IN_MEETING


def test_a_livekit_40_s_ahead_counts_what_happened() -> None:
    came = joined("A", 40_000, received_ms=100)
    gone = left("A", HOUR + 40_000, since=40_000, received_ms=HOUR)
    assert minutes(result(came, gone))[1] == pytest.approx(60, abs=0.01)


# Review, and what a person decided.


def test_a_person_decides_where_the_status_would_differ() -> None:
    missed = not_seen("A", 55 * MINUTE, alive=20 * MINUTE)
    found = result(joined("A", 0), missed, **FINAL)
    assert minutes(found) == (20, 20, 55)
    assert (found.status, found.needs_review) == (AttendanceStatus.PARTIAL, True)
    for given_facts in ({"ended_ms": START + HOUR}, {**FINAL, "is_expected": False}):
        assert not result(joined("A", 0), missed, **given_facts).needs_review
    decided = override(AttendanceStatus.EXCUSED, 70 * MINUTE)
    found = result(joined("A", 0), missed, decided, **FINAL)
    assert (found.status, found.needs_review) == (AttendanceStatus.EXCUSED, False)


def test_a_doubt_that_changes_no_status_needs_nobody() -> None:
    missed = not_seen("A", 55 * MINUTE, alive=50 * MINUTE)
    assert not result(joined("A", 0), missed, **FINAL).needs_review


# What was final by the first rules stays.


def first(**values: object) -> Facts:
    return replace(facts(**{**FINAL, **values}), rule=FIRST_RULE)


def test_what_was_final_keeps_the_rules_it_was_judged_by() -> None:
    until = START + 45 * MINUTE
    lines = (
        joined("A", -9 * MINUTE),
        left("A", -2 * MINUTE, since=-9 * MINUTE),
        joined("B", 25 * MINUTE, **ANA),
        away(26 * MINUTE, 27 * MINUTE),
        not_seen("B", 45 * MINUTE, alive=40 * MINUTE),
    )
    given_facts = first(ended_ms=until, held_until_ms=until)
    found = fold(lines, given_facts)
    assert (found.bounds, found.needs_review) == (None, False)
    assert found.arrived_ms == found.first_joined_ms == START - 9 * MINUTE
    assert given_facts.held_ms == HOUR
    assert fold(lines, replace(given_facts, rule=ATTENDANCE_RULE)).bounds is not None


def test_the_first_rules_knew_no_restart_of_a_room() -> None:
    restarted = room_restarted(20 * MINUTE, alive=19 * MINUTE)
    assert minutes(fold([joined("A", 0), restarted], first())) == (60, 60, 60)
    assert minutes(result(joined("A", 0), restarted, **FINAL)) == (19, 19, 20)


# Properties.

AWAYS = st.tuples(st.integers(0, 70 * MINUTE), st.integers(10_001, 30 * MINUTE)).map(
    lambda told: away(told[0], told[0] + told[1])
)
AWAY_LISTS = st.lists(AWAYS, max_size=3)
GAPS = st.sampled_from([0, 120])
ENDS = st.none() | st.integers(START, START + 2 * HOUR)
MOMENTS = st.integers(-10 * MINUTE, 90 * MINUTE)


@given(classes(), AWAY_LISTS, GAPS, ENDS, MOMENTS)
def test_at_least_is_not_more_than_counts_and_that_is_not_more_than_at_most(
    told: Class, aways: list[Line], gap: int, ended_ms: int | None, as_of: int
) -> None:
    for log in told.logs:
        found = result(
            *log, *aways, policy=Policy(merge_gap_seconds=gap), ended_ms=ended_ms, is_final=True
        )
        latest = max([line.received_ms - START for line in [*log, *aways]], default=0)
        least, counted, most = minutes(found, max(as_of, latest))
        assert least <= counted <= most


@given(classes(), AWAY_LISTS, ENDS)
def test_where_all_is_confirmed_the_bounds_are_equal(
    told: Class, aways: list[Line], ended_ms: int | None
) -> None:
    for log in told.logs:
        found = result(*log, *aways, ended_ms=ended_ms)
        if found.confidence is Confidence.CONFIRMED:
            assert found.bounds is None


@given(classes(), AWAY_LISTS, st.data(), ENDS)
def test_order_and_copies_change_no_bound(
    told: Class, aways: list[Line], data: st.DataObject, ended_ms: int | None
) -> None:
    for log in told.logs:
        lines = [*log, *aways]
        shuffled = data.draw(st.permutations([*lines, *lines[:2]]))
        assert result(*shuffled, ended_ms=ended_ms) == result(*lines, ended_ms=ended_ms)


CONFIRMING = st.sampled_from([EventKind.LEFT, EventKind.SEEN, EventKind.NOT_SEEN, EventKind.JOINED])


def confirming(kind: EventKind, stay: Stay, at: int, own: Line) -> Line:
    """A line about the stay, or of the connection after it, at `at` ms after START."""
    since = stay.joined_ms - START
    told = {
        EventKind.LEFT: left(stay.sid, at // 1000 * 1000, since=since),
        EventKind.SEEN: seen(stay.sid, at, since=since),
        EventKind.NOT_SEEN: not_seen(stay.sid, at, alive=at - 5_000),
        EventKind.JOINED: joined("newer", at, identity="1_Ana"),
    }[kind]
    return replace(told, room_sid=own.room_sid, room_created_ms=own.room_created_ms)


def contradicts(told: Line, least_ms: int, most_ms: int) -> bool:
    """Tell if the line gives the stay another end: it is seen after it, or missed before it."""
    if told.kind is EventKind.SEEN:
        return told.occurred_ms > most_ms
    return told.kind is not EventKind.LEFT and told.occurred_ms < least_ms


@given(classes(), AWAY_LISTS, CONFIRMING, st.integers(0, 60 * MINUTE))
def test_a_line_that_confirms_never_widens_the_bounds_of_a_stay_that_has_an_end(
    told: Class, aways: list[Line], kind: EventKind, later: int
) -> None:
    for log in told.logs:
        lines = [replace(one, identity="1_Ana") for one in log] + aways
        for stay in stays_of(lines, facts()):
            least_ms, most_ms = stay.at_least_ms, stay.at_most_ms
            if least_ms is None or most_ms is None:
                continue
            own = next(one for one in lines if one.participant_sid == stay.sid)
            more = confirming(kind, stay, stay.joined_ms - START + later, own)
            if contradicts(more, least_ms, most_ms):
                continue
            stays = stays_of([*lines, more], facts())
            (after,) = [one for one in stays if one.sid == stay.sid]
            assert after.at_least_ms is not None
            assert after.at_most_ms is not None
            assert after.at_most_ms - after.at_least_ms <= most_ms - least_ms
