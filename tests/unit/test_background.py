"""What runs beside everything else ends when it is told to."""

import asyncio

import pytest

import background
from background import apart, cancel


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "CANCEL_RETRY_S", 0.01)


async def test_who_does_not_hear_that_it_is_cancelled_is_told_again() -> None:
    heard = 0

    async def be_deaf() -> None:
        nonlocal heard
        for _ in range(3):
            try:
                await asyncio.sleep(2)
            except asyncio.CancelledError:  # as `wait_for` may, where its answer has just come
                heard += 1

    task = apart(be_deaf())
    await asyncio.sleep(0)
    await asyncio.wait_for(cancel([task]), 5)
    assert (heard, task.done()) == (3, True)


async def test_how_it_ended_is_nobodys_trouble() -> None:
    async def fail() -> None:
        raise ZeroDivisionError

    tasks = [apart(fail()), apart(asyncio.sleep(60))]
    await asyncio.sleep(0)
    await cancel(tasks)
    assert all(task.done() for task in tasks)
