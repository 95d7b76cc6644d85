"""Properties of every log, however it came about."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.attendance.fold import (
    CycleStart,
    EventKind,
    Line,
    Policy,
    Presence,
    Result,
    fold,
    stays_of,
    total_ms,
)
from tests.support.attendance_lines import HOUR, MINUTE, START, facts, result
from tests.support.lives import Class, classes, clean, spans

GAPS = st.sampled_from([0, 1, 30, 120, 600])
ENDS = st.none() | st.integers(START, START + 2 * HOUR)
VISITS = st.lists(spans(), max_size=8)
LATE = START + 10 * HOUR  # later than every line


def at_last(found: Result) -> int:
    return total_ms(found.closed_ms, found.joined_since_ms, LATE, START, START + HOUR)


def merged(gap: int) -> Policy:
    return Policy(merge_gap_seconds=gap)


@given(classes(), st.data(), GAPS, ENDS)
def test_any_order_and_any_copies_give_the_same_answer(
    told: Class, data: st.DataObject, gap: int, ended_ms: int | None
) -> None:
    for log in told.logs:
        copies = data.draw(st.lists(st.sampled_from(log))) if log else []
        later = [replace(line, received_ms=line.received_ms + 1_000) for line in copies]
        shuffled = data.draw(st.permutations([*log, *later]))
        given_facts = facts(policy=merged(gap), ended_ms=ended_ms, is_final=True)
        assert fold(shuffled, given_facts) == fold(log, given_facts)


@given(classes(), GAPS, ENDS)
def test_cycles_are_in_order_further_apart_than_the_gap_and_only_the_last_is_open(
    told: Class, gap: int, ended_ms: int | None
) -> None:
    for log in told.logs:
        found = result(*log, policy=merged(gap), ended_ms=ended_ms)
        for earlier, later in pairwise(found.cycles):
            assert earlier.left_ms is not None
            assert later.joined_ms - earlier.left_ms > gap * 1000
        assert all(c.left_ms is None or c.left_ms >= c.joined_ms for c in found.cycles)
        is_open = bool(found.cycles) and found.cycles[-1].left_ms is None
        assert (found.presence is Presence.IN_MEETING) is is_open
        assert (found.joined_since_ms is not None) is is_open
        assert found.join_count - found.leave_count == is_open
        assert not (is_open and ended_ms is not None)


@given(classes(), GAPS, ENDS)
def test_nobody_attends_for_longer_than_the_clock_on_the_wall(
    told: Class, gap: int, ended_ms: int | None
) -> None:
    for log in told.logs:
        found = result(*log, policy=merged(gap), ended_ms=ended_ms)
        came = HOUR if found.first_joined_ms is None else found.first_joined_ms - START
        assert 0 <= found.closed_ms <= at_last(found) <= HOUR - min(max(came, 0), HOUR)


@given(classes(), GAPS, st.integers(START, START + 2 * HOUR))
def test_a_stay_that_starts_after_the_real_end_changes_nothing(
    told: Class, gap: int, ended_ms: int
) -> None:
    for log in told.logs:
        late = {stay.sid for stay in stays_of(log, facts()) if stay.joined_ms >= ended_ms}
        within = [line for line in log if line.participant_sid not in late]
        # A person's lines tell of their room too.
        rooms = [replace(line, participant_sid=None) for line in log if line not in within]
        given_facts = facts(policy=merged(gap), ended_ms=ended_ms, is_final=True)
        found = fold(log, given_facts)
        assert found == fold([*within, *rooms], given_facts)
        assert all(cycle.joined_ms < ended_ms for cycle in found.cycles)


@given(VISITS)
def test_time_is_counted_once_however_many_stays_cover_it(visits: list[tuple[int, int]]) -> None:
    edges = sorted({0, HOUR, *(edge for visit in visits for edge in visit if 0 < edge < HOUR)})
    covered = sum(
        until - since
        for since, until in pairwise(edges)
        if any(start <= since and until <= end for start, end in visits)
    )
    assert result(*clean(visits)).closed_ms == covered


@given(VISITS, GAPS)
def test_a_cycle_is_all_stays_that_a_chain_of_short_gaps_connects(
    visits: list[tuple[int, int]], gap: int
) -> None:
    groups = [[visit] for visit in visits]
    while joinable := next(
        (
            (one, other)
            for one in groups
            for other in groups
            if one is not other
            and any(b[0] - a[1] <= gap * 1000 and a[0] <= b[0] for a in one for b in other)
        ),
        None,
    ):
        one, other = joinable
        groups = [group for group in groups if group is not one and group is not other]
        groups.append(one + other)
    expected = sorted((min(s for s, _ in g), max(e for _, e in g)) for g in groups)
    found = result(*clean(visits), policy=merged(gap))
    assert [(c.joined_ms - START, (c.left_ms or 0) - START) for c in found.cycles] == expected


@given(classes(), GAPS, ENDS)
def test_a_lost_join_changes_nothing_but_what_opened_the_stay_where_the_leave_came(
    told: Class, gap: int, ended_ms: int | None
) -> None:
    for log in told.logs:
        # Times ahead of their arrival count as that, and each line has its own arrival.
        log = [
            replace(line, received_ms=max(line.received_ms, line.occurred_ms, line.joined_ms or 0))
            for line in log
        ]
        left = {line.participant_sid for line in log if line.kind is EventKind.LEFT}
        # an abort counts only where the join is known
        log = [line for line in log if line.kind is not EventKind.CONNECTION_ABORTED]
        lost = [
            line
            for line in log
            if not (line.kind is EventKind.JOINED and line.participant_sid in left)
        ]
        given_facts = facts(policy=merged(gap), ended_ms=ended_ms, is_final=True)
        assert anyhow_opened(fold(lost, given_facts)) == anyhow_opened(fold(log, given_facts))


def anyhow_opened(found: Result) -> Result:
    cycles = tuple(replace(cycle, opened_by=CycleStart.JOINED) for cycle in found.cycles)
    return replace(found, cycles=cycles)


@given(classes(), GAPS, ENDS)
def test_merging_only_adds_time_and_only_takes_cycles(
    told: Class, gap: int, ended_ms: int | None
) -> None:
    for log in told.logs:
        apart = result(*log, policy=merged(0), ended_ms=ended_ms)
        together = result(*log, policy=merged(gap), ended_ms=ended_ms)
        assert at_last(apart) <= at_last(together)
        assert apart.join_count >= together.join_count
        assert apart.first_joined_ms == together.first_joined_ms
        assert apart.confidence is together.confidence


@given(classes(all_rooms_told=True), GAPS, ENDS)
def test_more_stays_in_rooms_that_are_known_only_add(
    told: Class, gap: int, ended_ms: int | None
) -> None:
    log = list(told.rooms)
    before = result(*log, policy=merged(gap), ended_ms=ended_ms)
    for own in told.people:
        log += own
        after = result(*log, policy=merged(gap), ended_ms=ended_ms)
        assert at_last(after) >= at_last(before)
        before = after


@given(VISITS, classes(), ENDS)
def test_conclusions_of_looks_do_not_change_what_livekit_told(
    visits: list[tuple[int, int]], told: Class, ended_ms: int | None
) -> None:
    own = clean(visits)
    sids = sorted({line.participant_sid for line in own if line.participant_sid})
    looks = [line for log in told.people for line in log if line.alive_ms is not None]
    concluded: list[Line] = [
        replace(line, participant_sid=sid, source_id=f"{line.source_id}/{sid}", joined_ms=None)
        for line in looks
        if line.kind in (EventKind.SEEN, EventKind.NOT_SEEN, EventKind.EXPIRED)
        for sid in sids
    ]
    assert result(*own, *concluded, *told.rooms, ended_ms=ended_ms) == result(
        *own, ended_ms=ended_ms
    )


@pytest.mark.parametrize("gap", [0, 120])
def test_an_open_stay_grows_with_the_clock_until_the_session_ends(gap: int) -> None:
    log = clean([(0, 10 * MINUTE), (20 * MINUTE, 30 * MINUTE)])[:-1]
    found = result(*log, policy=merged(gap))
    totals = [
        total_ms(found.closed_ms, found.joined_since_ms, START + at * MINUTE, START, START + HOUR)
        for at in (20, 21, 40, 60, 90)
    ]
    assert totals == [10 * MINUTE, 11 * MINUTE, 30 * MINUTE, 50 * MINUTE, 50 * MINUTE]
