"""Hints that wait for other processes are bounded, and the newest replaces its like."""

import pytest

from gateways.hints import CLOCK, SESSIONS, VIEWERS, Outbox, is_hint


async def test_a_sessions_newest_version_is_kept_in_whatever_order_they_come() -> None:
    outbox = Outbox()
    for version in (9, 11, 10):
        outbox.put(SESSIONS, f"7:{version}")
    outbox.put(SESSIONS, "8:1")
    assert sorted(await outbox.take()) == [(SESSIONS, "7:11"), (SESSIONS, "8:1")]


async def test_the_earliest_moment_is_kept() -> None:
    outbox = Outbox()
    for moment in ("2026-03-02T11:00:00.5+00:00", "2026-03-02T11:00:00+00:00", "2026-03-03"):
        outbox.put(CLOCK, moment)
    assert await outbox.take() == [(CLOCK, "2026-03-02T11:00:00+00:00")]


async def test_each_person_is_kept() -> None:
    outbox = Outbox()
    for person in ("1", "2", "1"):
        outbox.put(VIEWERS, person)
    assert sorted(await outbox.take()) == [(VIEWERS, "1"), (VIEWERS, "2")]


async def test_a_hint_put_back_does_not_replace_a_newer_one() -> None:
    outbox = Outbox()
    outbox.put(SESSIONS, "1:1")
    outbox.put(SESSIONS, "2:5")
    taken = await outbox.take()
    outbox.put(SESSIONS, "1:2")
    outbox.put_back(taken)
    assert sorted(await outbox.take()) == [(SESSIONS, "1:2"), (SESSIONS, "2:5")]


async def test_the_outbox_is_bounded_and_drops_the_oldest_hints() -> None:
    outbox = Outbox(most=3)
    for session in range(10):
        outbox.put(SESSIONS, f"{session}:1")
    assert len(outbox) == 3
    outbox.put_back([(SESSIONS, "1:1"), (SESSIONS, "2:1")])
    assert sorted(await outbox.take()) == [(SESSIONS, f"{session}:1") for session in (7, 8, 9)]


@pytest.mark.parametrize(
    ("channel", "message"),
    [
        (SESSIONS, ""),
        (SESSIONS, "7"),
        (SESSIONS, "7:x"),
        (SESSIONS, "7:1:1"),
        (SESSIONS, "-7:1"),
        (SESSIONS, "7:1\n"),
        (SESSIONS, "\u0667:\u0661"),  # digits, but Arabic ones
        (SESSIONS, f"7:{'9' * 30}"),
        (CLOCK, ""),
        (CLOCK, "tomorrow"),
        (CLOCK, "2026-13-45T99:99:99+00:00"),
        (CLOCK, "2026-01-01T::::::::+00:00"),
        (CLOCK, "2026-03-02T11:00:00"),
        (VIEWERS, "Fatima"),
        ("elsewhere", "7:1"),
    ],
)
def test_foreign_messages_are_no_hints(channel: str, message: str) -> None:
    assert not is_hint(channel, message)


@pytest.mark.parametrize(
    ("channel", "message"),
    [
        (SESSIONS, "7:12"),
        (CLOCK, "2026-03-02T11:00:00+00:00"),
        (CLOCK, "2026-03-02T11:00:00.123456+00:00"),
        (VIEWERS, "7"),
    ],
)
def test_our_own_messages_are_hints(channel: str, message: str) -> None:
    assert is_hint(channel, message)
