"""The window in which meetings are made automatically: hours, blocked days and clock changes."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from domain.errors import ErrorCode
from domain.window import WEEK, Gate, Weekday

RIYADH = ZoneInfo("Asia/Riyadh")  # three hours ahead of UTC, always
CAIRO = ZoneInfo("Africa/Cairo")  # its clocks go forward at midnight, on a Friday
HAVANA = ZoneInfo("America/Havana")  # went back from one o'clock to midnight, until 2025
BERLIN = ZoneInfo("Europe/Berlin")
APIA = ZoneInfo("Pacific/Apia")  # had no 30 December 2011, which was a Friday
ST_JOHNS = ZoneInfo("America/St_Johns")  # went back from 00:01, into the day before
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")  # changes its clocks by half an hour
ZONES = (RIYADH, CAIRO, HAVANA, BERLIN, APIA, ST_JOHNS, LORD_HOWE)


def gate(
    start: str | None = None,
    end: str | None = None,
    *blocked: Weekday,
    zone: ZoneInfo = RIYADH,
) -> Gate:
    return Gate(
        zone=zone,
        starts=time.fromisoformat(start) if start else None,
        ends=time.fromisoformat(end) if end else None,
        blocked=frozenset(blocked),
    )


def local(zone: ZoneInfo, text: str, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone, fold=fold).astimezone(UTC)


def code(gate: Gate, moment: datetime, *, is_person: bool = False) -> ErrorCode | None:
    refusal = gate.refusal(moment, is_person=is_person)
    return refusal.code if refusal else None


def riyadh(text: str) -> datetime:
    return local(RIYADH, text)


# 2026-03-02 is a Monday.
DAY, NIGHT = gate("08:00", "20:00"), gate("22:00", "02:00")


@pytest.mark.parametrize(
    ("rules", "at", "refused"),
    [
        (gate(), "2026-03-02 03:00", None),
        (DAY, "2026-03-02 07:59:59", ErrorCode.OUTSIDE_WINDOW),
        (DAY, "2026-03-02 08:00", None),
        (DAY, "2026-03-02 19:59:59", None),
        (DAY, "2026-03-02 20:00", ErrorCode.OUTSIDE_WINDOW),
        (NIGHT, "2026-03-02 21:59:59", ErrorCode.OUTSIDE_WINDOW),
        (NIGHT, "2026-03-02 22:00", None),
        (NIGHT, "2026-03-03 01:59:59", None),
        (NIGHT, "2026-03-03 02:00", ErrorCode.OUTSIDE_WINDOW),
        (gate("08:00", "08:00"), "2026-03-02 03:00", None),
        (gate(None, None, Weekday.MONDAY), "2026-03-02 23:59:59", ErrorCode.BLOCKED_DAY),
        (gate(None, None, Weekday.MONDAY), "2026-03-03 00:00", None),
        # The night that begins on Monday: only what is Monday by the calendar is blocked.
        (gate("22:00", "02:00", Weekday.MONDAY), "2026-03-02 01:00", ErrorCode.BLOCKED_DAY),
        (gate("22:00", "02:00", Weekday.MONDAY), "2026-03-02 23:00", ErrorCode.BLOCKED_DAY),
        (gate("22:00", "02:00", Weekday.MONDAY), "2026-03-03 01:00", None),
    ],
)
def test_the_academys_own_clocks_say_when(rules: Gate, at: str, refused: ErrorCode | None) -> None:
    assert code(rules, riyadh(at)) == refused
    assert code(rules, riyadh(at), is_person=True) is None


def test_refusals_that_time_does_not_lift_come_first_and_have_no_retry_date() -> None:
    now = riyadh("2026-03-02 03:00")
    off = Gate(zone=RIYADH, creates=False, starts=time(8), ends=time(20))
    inactive = Gate(zone=RIYADH, is_academy_active=False, creates=False)
    assert (code(off, now), off.opens_at(now)) == (ErrorCode.AUTO_CREATION_OFF, None)
    assert (code(inactive, now), inactive.opens_at(now)) == (ErrorCode.ACADEMY_INACTIVE, None)
    assert code(off, now, is_person=True) is None
    assert code(inactive, now, is_person=True) is ErrorCode.ACADEMY_INACTIVE


@pytest.mark.parametrize(
    ("rules", "now", "opens"),
    [
        (DAY, "2026-03-02 03:00:00.5", "2026-03-02 08:00"),
        (DAY, "2026-03-02 20:00", "2026-03-03 08:00"),
        (NIGHT, "2026-03-02 12:00", "2026-03-02 22:00"),
        (gate("08:00", "20:00", Weekday.TUESDAY), "2026-03-02 21:00", "2026-03-04 08:00"),
        (gate(None, None, Weekday.MONDAY), "2026-03-02 12:00", "2026-03-03 00:00"),
        # The rest of a night that started on a blocked day.
        (gate("22:00", "02:00", Weekday.MONDAY), "2026-03-02 23:00", "2026-03-03 00:00"),
        (gate("08:00", "09:00", *WEEK[1:]), "2026-03-02 09:00", "2026-03-09 08:00"),
    ],
)
def test_a_refused_meeting_is_retried_when_the_window_opens(
    rules: Gate, now: str, opens: str
) -> None:
    assert rules.opens_at(riyadh(now)) == riyadh(opens)


def test_a_window_without_a_day_never_opens() -> None:
    assert gate(None, None, *WEEK).opens_at(riyadh("2026-03-02 12:00")) is None


@pytest.mark.parametrize(
    ("zone", "window", "now", "opens"),
    [
        # The clocks skip this hour: the window opens when they have been put forward.
        (BERLIN, ("02:30", "05:00"), "2026-03-29 01:30", "2026-03-29 03:00"),
        # The clocks skip the whole window: tomorrow's is the next.
        (BERLIN, ("02:10", "02:50"), "2026-03-29 01:30", "2026-03-30 02:10"),
        # A day that has no midnight begins at one.
        (CAIRO, ("00:00", "04:00"), "2026-04-23 23:00", "2026-04-24 01:00"),
    ],
)
def test_clocks_that_go_forward(
    zone: ZoneInfo, window: tuple[str, str], now: str, opens: str
) -> None:
    assert gate(*window, zone=zone).opens_at(local(zone, now)) == local(zone, opens)


def test_clocks_that_go_back_open_the_window_again() -> None:
    rules = gate("02:00", "02:30", zone=BERLIN)
    shut = local(BERLIN, "2026-10-25 02:45")
    assert rules.opens_at(shut) == local(BERLIN, "2026-10-25 02:00", fold=1)
    rules = gate("02:15", "02:30", zone=BERLIN)
    assert rules.opens_at(shut) == local(BERLIN, "2026-10-25 02:15", fold=1)
    # Clocks that go back into the window's middle open it at that moment.
    rules = gate("23:30", "00:30", zone=HAVANA)
    shut = local(HAVANA, "2025-11-02 00:45")
    assert rules.opens_at(shut) == local(HAVANA, "2025-11-02 00:00", fold=1)


def test_a_date_that_a_zone_left_out_is_waited_for_again() -> None:
    rules = gate(None, None, *(day for day in WEEK if day is not Weekday.FRIDAY), zone=APIA)
    assert rules.opens_at(local(APIA, "2011-12-24 12:00")) == local(APIA, "2012-01-06 00:00")


quarters = st.builds(time, st.integers(0, 23), st.sampled_from((0, 15, 30, 45)))


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def between(start: str, end: str) -> st.SearchStrategy[datetime]:
    return st.timedeltas(timedelta(), utc(end) - utc(start)).map(lambda after: utc(start) + after)


moments = st.one_of(
    between("2026-01-01", "2028-01-01"),
    between("2026-03-27", "2026-04-25"),
    between("2026-10-24", "2026-11-02"),
    between("2011-10-28", "2012-01-02"),
)
gates = st.builds(
    Gate,
    zone=st.sampled_from(ZONES),
    starts=quarters,
    ends=quarters,
    blocked=st.frozensets(st.sampled_from(WEEK), max_size=6),
)
STEP = timedelta(minutes=5)


@given(gates, moments)
@example(gate("00:30", "01:30", zone=BERLIN), utc("2026-10-25 00:45"))
@example(gate("00:00", "00:15", zone=ST_JOHNS), utc("2011-11-06 02:00"))
def test_the_retry_date_is_the_first_moment_without_a_refusal(rules: Gate, now: datetime) -> None:
    opens = rules.opens_at(now)
    if rules.refusal(now) is None:
        return
    assert opens is not None
    assert now < opens <= now + timedelta(days=15)
    assert rules.refusal(opens) is None
    assert rules.refusal(opens - timedelta(microseconds=1)) is not None
    looked_at = (now + n * STEP for n in range((opens - now) // STEP + 1))
    assert all(rules.refusal(moment) for moment in looked_at if moment < opens)


@pytest.mark.parametrize(
    ("rules", "start", "until", "opens"),
    [
        (DAY, "2026-03-02 07:00", "2026-03-02 08:00", None),
        (DAY, "2026-03-02 07:00", "2026-03-02 08:01", "2026-03-02 08:00"),
        (DAY, "2026-03-02 09:00", "2026-03-02 10:00", "2026-03-02 09:00"),
        (DAY, "2026-03-02 20:00", "2026-03-03 08:00", None),
        (gate(None, None, Weekday.MONDAY), "2026-03-02 22:00", "2026-03-03 00:00", None),
        (gate(None, None, *WEEK), "2026-03-02 22:00", "2026-03-20 00:00", None),
    ],
)
def test_it_opens_within_a_period_or_refuses_all_of_it(
    rules: Gate, start: str, until: str, opens: str | None
) -> None:
    found = rules.opens_within(riyadh(start), riyadh(until))
    assert found == (riyadh(opens) if opens else None)


@pytest.mark.parametrize("zone", [RIYADH, CAIRO, HAVANA])
@pytest.mark.parametrize("hours", [("08:00", "20:00"), ("22:00", "02:00"), (None, None)])
def test_a_gate_refuses_a_whole_time_or_lets_one_moment_of_it_pass(
    zone: ZoneInfo, hours: tuple[str | None, str | None]
) -> None:
    rules = gate(*hours, Weekday.FRIDAY, zone=zone)
    first = local(zone, "2026-04-23 16:00")  # a Thursday; in Cairo the clocks change at midnight
    opened = set()
    for start in (first + timedelta(minutes=20 * n) for n in range(100)):
        end = start + timedelta(minutes=75)
        moments = [start + timedelta(minutes=n) for n in range(75)]
        opens = rules.opens_within(start, end)
        assert opens == next((at for at in moments if rules.refusal(at) is None), None), start
        opened.add(opens is not None)
    assert opened == {True, False}


def test_a_time_ends_before_its_last_moment() -> None:
    opens = riyadh("2026-03-02 08:00")
    start = opens - timedelta(hours=1)
    assert DAY.opens_within(start, opens) is None
    assert DAY.opens_within(start, opens + timedelta(seconds=1)) == opens
