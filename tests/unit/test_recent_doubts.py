"""A reading is not believed of somebody who was doubted during it."""

from subscriptions.recent_doubts import RecentDoubts


def test_a_doubt_after_the_mark_counts_for_its_person() -> None:
    recent = RecentDoubts()
    recent.note(1)
    count = recent.count
    assert not recent.since(count, 1)
    recent.note(2)
    assert recent.since(count, 2)
    assert not recent.since(count, 1)
    assert not recent.since(recent.count, 2)


def test_whom_it_forgot_may_be_anybody_for_readings_from_before() -> None:
    recent = RecentDoubts(kept=2)
    count = recent.count
    for user_id in (1, 2):
        recent.note(user_id)
    assert not recent.since(count, 9)
    later = recent.count
    recent.note(3)
    assert recent.since(count, 9)
    assert not recent.since(later, 9)


def test_a_person_who_is_doubted_again_is_kept_longer() -> None:
    recent = RecentDoubts(kept=2)
    for user_id in (1, 2, 1):
        recent.note(user_id)
    count = recent.count
    recent.note(3)
    assert not recent.since(count, 1)
    recent.note(1)
    assert recent.since(count, 1)


def test_a_gap_may_have_had_anybody() -> None:
    recent = RecentDoubts()
    count = recent.count
    recent.note_gap()
    assert recent.since(count, 1)
    assert not recent.since(recent.count, 1)
