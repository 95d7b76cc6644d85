"""One membership and one session: may its person come now, and is their attendance counted?"""

from datetime import datetime, timedelta

import pytest

from domain.membership import FAR_FUTURE, Occasion, Term
from tests.support.make import ELEVEN

HOUR = timedelta(hours=1)
CLASS = Occasion(ELEVEN, ELEVEN + HOUR, ELEVEN - 24 * HOUR)


def at(minutes: int | None) -> datetime | None:
    """A moment by its minutes from the start of the class; None: no moment."""
    return None if minutes is None else ELEVEN + timedelta(minutes=minutes)


def term(
    since: int | None, starts: int | None, ends: int | None, withdrawn: int | None = None
) -> Term:
    return Term(at(since), at(starts), at(ends), at(withdrawn))


# Minutes from the start of the class, which lasts 60: member since, active from, active until,
# withdrawn; now. Then: are they expected, do they have a place as a newcomer, and may they
# come now.
TABLE = """
since from until withdrawn now   expected new  may_come
-     -    -     -         -5    yes      no   yes
-     -    -     -         20    yes      no   yes
-99   -    -     -         20    yes      no   yes
-1    -    -     -         20    yes      no   yes
0     -    -     -         20    yes      no   yes
1     -    -     -         20    no       yes  yes
20    -    -     -         20    no       yes  yes
20    -    40    -         20    no       yes  yes
20    -    40    -         40    no       no   no
20    -99  -     -         20    yes      no   yes
20    5    -     -         20    no       yes  yes
-     30   -     -         -5    no       yes  no
-     30   -     -         29    no       yes  no
-     30   -     -         30    no       yes  yes
-     30   50    -         50    no       no   no
-     60   -     -         -5    no       no   no
-     60   -     -         62    no       yes  yes
62    -    -     -         62    no       yes  yes
-     -    0     -         -5    no       no   yes
-     -    0     -         0     no       no   no
-     -    1     -         0     yes      no   yes
-     -    30    -         29    yes      no   yes
-     -    30    -         30    yes      no   yes
-     -    30    -         99    yes      no   yes
-     0    30    -         45    yes      no   yes
-     1    30    -         45    no       no   no
-     -3   -     -         -5    yes      no   yes
-     -    -     10        10    no       no   no
-     -    10    10        10    no       no   no
-     -    -     -99       -5    no       no   no
20    -    -     25        25    no       no   no
"""


@pytest.mark.parametrize("line", TABLE.strip().splitlines()[1:])
def test_a_membership_and_a_class(line: str) -> None:
    *moments, expected, new, may_come = line.split()
    since, starts, ends, withdrawn, minutes = (None if m == "-" else int(m) for m in moments)
    membership, now = term(since, starts, ends, withdrawn), at(minutes)
    assert now is not None
    told = (
        membership.expects(CLASS),
        membership.is_newcomers(CLASS, now),
        membership.lets_in_until(CLASS, now) is not None,
    )
    assert told == (expected == "yes", new == "yes", may_come == "yes")


def test_one_that_covers_the_start_has_no_end_before_the_session_has() -> None:
    assert term(None, None, 30).lets_in_until(CLASS, ELEVEN) == FAR_FUTURE
    assert term(5, None, 30).lets_in_until(CLASS, ELEVEN + timedelta(minutes=6)) == at(30)


def test_members_are_expected_in_a_class_that_is_scheduled_after_its_start() -> None:
    late = Occasion(ELEVEN, ELEVEN + HOUR, ELEVEN + timedelta(minutes=10))
    assert term(9, None, None).expects(late)
    assert not term(11, None, None).expects(late)
    assert not term(9, 5, None).expects(late)


def test_the_time_that_counts_is_the_one_that_the_session_has_now() -> None:
    moved = Occasion(ELEVEN + HOUR, ELEVEN + 2 * HOUR, CLASS.created_at)
    newcomer, leaver = term(20, None, None), term(None, None, 30)
    assert (newcomer.expects(CLASS), newcomer.expects(moved)) == (False, True)
    assert (leaver.expects(CLASS), leaver.expects(moved)) == (True, False)


NOW = ELEVEN + timedelta(minutes=20)


def test_the_same_dates_again_change_nothing() -> None:
    for membership in (
        term(None, None, None),
        term(1, 2, 3),
        term(None, None, 30),
        term(None, None, 5, 6),
    ):
        assert membership.changed(membership.active_from, membership.active_until, NOW) == (
            membership
        )


def test_an_end_that_a_person_sets_to_now_or_before_takes_it_away() -> None:
    assert term(1, None, None).changed(None, at(20), NOW) == term(1, None, 20, 20)
    assert term(1, None, None).changed(None, at(-99), NOW) == term(1, None, -99, 20)
    assert term(1, None, None).changed(None, at(21), NOW) == term(1, None, 21)
    # It stays taken away since then, whatever other end in the past is set.
    assert term(1, None, 5, 6).changed(None, at(4), NOW) == term(20, None, 4, 6)


def test_what_was_over_or_not_begun_begins_anew() -> None:
    assert term(1, None, 5, 6).changed(None, None, NOW) == term(20, None, None)
    assert term(1, None, 5).changed(None, at(90), NOW) == term(20, None, 90)
    assert term(1, 90, None).changed(None, None, NOW) == term(20, None, None)
    assert term(1, None, 90).changed(None, None, NOW) == term(1, None, None)


def test_a_new_membership_counts_from_now_and_one_with_a_past_end_gives_nothing() -> None:
    assert Term.new(None, at(90), NOW) == term(20, None, 90)
    assert Term.new(at(-99), at(20), NOW) == term(20, -99, 20, 20)
    # Taken away, and given back with the dates that it had.
    assert term(1, None, None, 6).changed(None, None, NOW) == term(20, None, None)
