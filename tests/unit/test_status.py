"""The allowed and the due moves; a clock that slept ends where one that watched does."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from domain.errors import DomainError, ErrorCode, WrongStatusError
from domain.status import (
    ALLOWED_MOVES,
    SessionStatus,
    Timeline,
    check_asked_move,
    check_move,
    due_moves,
    path_to,
)

ELEVEN = datetime(2026, 3, 2, 11, 0, tzinfo=UTC)
SCHEDULED, READY, ONGOING, COMPLETED, CANCELLED, ABSENT = SessionStatus

PLAN = Timeline.of_schedule(ELEVEN, 60, ready_minutes=10, buffer_minutes=5, overtime_minutes=0)
OVERTIME = Timeline.of_schedule(ELEVEN, 60, ready_minutes=10, buffer_minutes=5, overtime_minutes=30)


def at(minutes: float) -> datetime:
    return ELEVEN + timedelta(minutes=minutes)


MOVES = {
    SCHEDULED: {READY, CANCELLED},
    READY: {ONGOING, CANCELLED, SCHEDULED},
    ONGOING: {COMPLETED, CANCELLED, SCHEDULED},
    COMPLETED: {ABSENT},
    CANCELLED: set(),
    ABSENT: {COMPLETED},
}


@pytest.mark.parametrize("status", SessionStatus)
@pytest.mark.parametrize("to", SessionStatus)
def test_a_move_is_in_the_table_or_refused(status: SessionStatus, to: SessionStatus) -> None:
    if to in MOVES[status]:
        check_move(status, to)
    else:
        with pytest.raises(WrongStatusError):
            check_move(status, to)


@pytest.mark.parametrize(
    ("status", "to", "path"),
    [
        (SCHEDULED, READY, (READY,)),
        (SCHEDULED, ONGOING, (READY, ONGOING)),
        (SCHEDULED, COMPLETED, (READY, ONGOING, COMPLETED)),
        (READY, COMPLETED, (ONGOING, COMPLETED)),
        (SCHEDULED, CANCELLED, (CANCELLED,)),
        (READY, SCHEDULED, (SCHEDULED,)),
        (ONGOING, SCHEDULED, (SCHEDULED,)),
        (ONGOING, CANCELLED, (CANCELLED,)),
        (COMPLETED, ABSENT, (ABSENT,)),
        (ABSENT, COMPLETED, (COMPLETED,)),
    ],
)
def test_skipping_statuses_passes_through_those_between(
    status: SessionStatus, to: SessionStatus, path: tuple[SessionStatus, ...]
) -> None:
    assert path_to(status, to) == path


@pytest.mark.parametrize(
    ("status", "to"),
    [
        (ONGOING, READY),
        (COMPLETED, CANCELLED),
        (COMPLETED, SCHEDULED),
        (COMPLETED, ONGOING),
        (CANCELLED, READY),
        (SCHEDULED, ABSENT),
        (ABSENT, ONGOING),
        (READY, READY),
    ],
)
def test_a_path_backwards_or_around_is_refused(status: SessionStatus, to: SessionStatus) -> None:
    with pytest.raises(WrongStatusError):
        path_to(status, to)


WRONG, NOT_THEIRS = ErrorCode.WRONG_STATUS, ErrorCode.FORBIDDEN


@pytest.mark.parametrize(
    ("to", "minutes", "teachers", "admins"),
    [
        (SCHEDULED, -0.01, None, None),
        (SCHEDULED, 0, WRONG, WRONG),
        (SCHEDULED, 60, WRONG, WRONG),
        (CANCELLED, -0.01, None, None),
        (CANCELLED, 0, NOT_THEIRS, None),
        (CANCELLED, 59.99, NOT_THEIRS, None),
        (CANCELLED, 60, WRONG, WRONG),
        (COMPLETED, -5, None, None),
        (COMPLETED, 5, None, None),
        (COMPLETED, 65, None, None),
    ],
)
def test_a_session_that_began_is_put_back_or_cancelled_by_the_hour_and_the_role(
    to: SessionStatus, minutes: float, teachers: ErrorCode | None, admins: ErrorCode | None
) -> None:
    for runs_academy, expected in ((False, teachers), (True, admins)):
        refused = None
        try:
            check_asked_move(
                ONGOING,
                to,
                at(minutes),
                scheduled_at=ELEVEN,
                ends_at=at(60),
                runs_academy=runs_academy,
            )
        except DomainError as error:
            refused = error.code
        assert refused == expected


@pytest.mark.parametrize("status", [SCHEDULED, READY])
def test_a_session_that_did_not_begin_is_cancelled_by_any_who_may_ask(
    status: SessionStatus,
) -> None:
    times = {"scheduled_at": ELEVEN, "ends_at": at(60)}
    check_asked_move(status, CANCELLED, at(-5), **times, runs_academy=False)


@pytest.mark.parametrize(
    ("minutes", "moves", "following"),
    [
        (-10.01, (), at(-10)),
        (-10, (READY,), at(0)),
        (-0.01, (READY,), at(0)),
        (0, (READY, ONGOING), at(65)),
        (64.99, (READY, ONGOING), at(65)),
        (65, (READY, ONGOING, COMPLETED), None),
        (10_000, (READY, ONGOING, COMPLETED), None),
    ],
)
def test_each_move_is_due_to_the_minute(
    minutes: float, moves: tuple[SessionStatus, ...], following: datetime | None
) -> None:
    assert due_moves(PLAN, at(minutes)) == (moves, following)


def test_without_preparation_it_is_ready_and_started_at_once() -> None:
    plan = Timeline.of_schedule(ELEVEN, 30, ready_minutes=0, buffer_minutes=0, overtime_minutes=0)
    assert due_moves(plan, at(0)) == ((READY, ONGOING), at(30))


def test_people_inside_hold_completion_back_as_long_as_overtime_allows() -> None:
    ongoing = replace(OVERTIME, status=ONGOING, people_inside=1)
    assert due_moves(ongoing, at(65)) == ((), at(95))
    assert due_moves(replace(ongoing, people_inside=0), at(65)) == ((COMPLETED,), None)
    assert due_moves(ongoing, at(95)) == ((COMPLETED,), None)


def test_people_inside_hold_nothing_back_where_no_overtime_is_allowed() -> None:
    ongoing = replace(PLAN, status=ONGOING, people_inside=7)
    assert due_moves(ongoing, at(65)) == ((COMPLETED,), None)


def test_keeping_open_holds_back_completion_only() -> None:
    ongoing = replace(PLAN, status=ONGOING, kept_open_until=at(100))
    assert due_moves(ongoing, at(99.99)) == ((), at(100))
    assert due_moves(ongoing, at(100)) == ((COMPLETED,), None)
    assert due_moves(replace(ongoing, status=READY), at(0)) == ((ONGOING,), at(100))
    assert due_moves(replace(ongoing, status=SCHEDULED), at(-10)) == ((READY,), at(0))


def test_a_session_is_never_kept_open_for_less_than_planned() -> None:
    ongoing = replace(OVERTIME, status=ONGOING, kept_open_until=at(30))
    assert due_moves(ongoing, at(30)) == ((), at(65))
    assert due_moves(replace(ongoing, people_inside=1), at(65)) == ((), at(95))


MINUTES = st.integers(-300, 300)
TIMELINES = st.builds(
    lambda plan, status, inside, kept: replace(
        plan, status=status, people_inside=inside, kept_open_until=kept
    ),
    st.builds(
        Timeline.of_schedule,
        MINUTES.map(at),
        st.integers(1, 180),
        ready_minutes=st.integers(0, 120),
        buffer_minutes=st.integers(0, 120),
        overtime_minutes=st.integers(0, 240),
    ),
    st.sampled_from(SessionStatus),
    st.integers(0, 3),
    st.none() | MINUTES.map(at),
)
MOMENTS = st.integers(-600 * 60, 900 * 60).map(lambda seconds: ELEVEN + timedelta(seconds=seconds))


def _awake(session: Timeline, now: datetime) -> Iterator[SessionStatus]:
    """A clock that never sleeps: it is there at each due moment, to the second."""
    while (following := session.next_move) is not None and following[1] <= now:
        moves, _ = due_moves(session, following[1])
        yield from moves
        session = replace(session, status=moves[-1])


@given(TIMELINES, MOMENTS)
@example(PLAN, at(-10))
@example(replace(OVERTIME, people_inside=1), at(95))
def test_a_clock_that_slept_ends_where_one_that_did_not_ends(
    session: Timeline, now: datetime
) -> None:
    moves, following = due_moves(session, now)
    assert moves == tuple(_awake(session, now))
    left = replace(session, status=moves[-1]) if moves else session
    assert due_moves(left, now) == ((), following)
    assert following is None or following > now


@given(TIMELINES, st.lists(MOMENTS, max_size=6), MOMENTS)
def test_moments_in_between_do_not_change_the_moves(
    session: Timeline, looks: list[datetime], now: datetime
) -> None:
    made: list[SessionStatus] = []
    left = session
    for moment in [*sorted(look for look in looks if look < now), now]:
        moves, _ = due_moves(left, moment)
        made += moves
        left = replace(left, status=moves[-1]) if moves else left
    assert tuple(made) == due_moves(session, now)[0]


@given(TIMELINES, MOMENTS)
def test_every_move_is_one_that_is_allowed(session: Timeline, now: datetime) -> None:
    status = session.status
    for to in due_moves(session, now)[0]:
        assert to in ALLOWED_MOVES[status]
        status = to


@given(TIMELINES, MOMENTS)
def test_keeping_open_moves_completion_alone_and_only_back(
    session: Timeline, now: datetime
) -> None:
    without = due_moves(replace(session, kept_open_until=None), now)[0]
    with_it = due_moves(session, now)[0]
    assert with_it in (without, without[:-1])
    if with_it != without:
        assert without[-1] is COMPLETED
        assert session.kept_open_until is not None
        assert now < session.kept_open_until
