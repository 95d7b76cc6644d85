"""Properties that hold for any reports of a page and overrides of a teacher, in any order."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from domain.attendance.fold import EventKind, EventSource, Line, Policy, Presence, fold
from tests.support.attendance_lines import HOUR, facts
from tests.support.lives import Class, classes, sayings
from tests.unit.test_attendance_properties import ENDS, GAPS, at_last

COUNTED = ("first_joined_ms", "closed_ms", "joined_since_ms", "join_count", "leave_count")


def policy(gap: int) -> Policy:
    return Policy(merge_gap_seconds=gap)


@given(classes(), st.data(), GAPS, ENDS)
def test_any_order_and_any_copies_give_the_same_answer(
    told: Class, data: st.DataObject, gap: int, ended_ms: int | None
) -> None:
    for log in told.logs:
        whole = log + data.draw(sayings(log))
        copies = data.draw(st.lists(st.sampled_from(whole))) if whole else []
        later = [replace(line, received_ms=line.received_ms + 1_000) for line in copies]
        shuffled = data.draw(st.permutations([*whole, *later]))
        given_facts = facts(policy=policy(gap), ended_ms=ended_ms, is_final=True)
        assert fold(shuffled, given_facts) == fold(whole, given_facts)


@given(classes(), st.data(), GAPS, ENDS)
def test_nobody_gets_a_second_a_join_or_a_better_status_by_their_own_report(
    told: Class, data: st.DataObject, gap: int, ended_ms: int | None
) -> None:
    for log in told.logs:
        said = [line for line in data.draw(sayings(log)) if line.is_report]
        given_facts = facts(policy=policy(gap), ended_ms=ended_ms, is_final=True)
        before, after = fold(log, given_facts), fold([*log, *said], given_facts)
        assert 0 <= after.closed_ms <= at_last(after) <= at_last(before) <= HOUR
        assert (after.first_joined_ms is None) == (before.first_joined_ms is None)
        joins = [line for line in said if line.kind is EventKind.JOINED]
        shown = fold([*log, *joins], given_facts)
        assert [getattr(shown, name) for name in COUNTED] == [
            getattr(before, name) for name in COUNTED
        ]
        assert shown.status is before.status


@given(classes(), st.data(), GAPS, ENDS)
def test_only_the_last_cycle_is_open_and_only_the_last_is_reported(
    told: Class, data: st.DataObject, gap: int, ended_ms: int | None
) -> None:
    for log in told.logs:
        given_facts = facts(policy=policy(gap), ended_ms=ended_ms)
        found = fold(log + data.draw(sayings(log)), given_facts)
        cycles = found.cycles
        assert all(cycle.left_ms is not None for cycle in cycles[:-1])
        assert all(cycle.opened_by != "CLIENT_REPORT" for cycle in cycles[:-1])
        moments = [
            at for cycle in cycles for at in (cycle.joined_ms, cycle.left_ms) if at is not None
        ]
        assert moments == sorted(moments)
        is_open = bool(cycles) and cycles[-1].left_ms is None
        assert (found.presence is Presence.IN_MEETING) is is_open
        assert found.open_sids or found.joined_since_ms is None
        assert ended_ms is None or not (is_open or found.open_sids)


@given(classes(), st.data(), GAPS, ENDS)
def test_an_override_changes_nothing_but_the_status(
    told: Class, data: st.DataObject, gap: int, ended_ms: int | None
) -> None:
    for log in told.logs:
        said = [line for line in data.draw(sayings(log)) if line.source is EventSource.PERSON]
        given_facts = facts(policy=policy(gap), ended_ms=ended_ms, is_final=True)
        before, after = fold(log, given_facts), fold([*log, *said], given_facts)
        judged = replace(after, status=before.status, needs_review=before.needs_review)
        assert replace(judged, override=None) == before
        assert not (after.override and after.needs_review)
        assert after.status is (after.override.status if after.override else before.status)


@given(classes(), st.data(), GAPS)
def test_expired_reports_leave_no_trace(told: Class, data: st.DataObject, gap: int) -> None:
    for log in told.logs:
        said = [
            line
            for line in data.draw(sayings(log))
            if (line.kind, line.source) == (EventKind.JOINED, EventSource.CLIENT)
        ]
        over = [_expiry(line) for line in said]
        given_facts = facts(policy=policy(gap))
        assert fold([*log, *said, *over], given_facts) == fold(log, given_facts)


def _expiry(line: Line) -> Line:
    return replace(
        line,
        source_id=f"{line.source_id}/expired",
        kind=EventKind.EXPIRED,
        source=EventSource.CLOCK,
        occurred_ms=line.occurred_ms + 60_000,
    )
