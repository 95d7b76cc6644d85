"""Background tasks end when they are told to."""

import asyncio

import pytest

import background
from background import apart, cancel


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "CANCEL_RETRY_S", 0.01)


async def test_a_task_that_swallows_its_cancellation_is_cancelled_again() -> None:
    heard = 0

    async def be_deaf() -> None:
        nonlocal heard
        for _ in range(3):
            try:
                await asyncio.sleep(2)
            except asyncio.CancelledError:  # as `wait_for` may when its answer has just come
                heard += 1

    task = apart(be_deaf())
    await asyncio.sleep(0)
    await asyncio.wait_for(cancel([task]), 5)
    assert (heard, task.done()) == (3, True)


async def test_cancelling_tasks_ignores_how_they_ended() -> None:
    async def fail() -> None:
        raise ZeroDivisionError

    tasks = [apart(fail()), apart(asyncio.sleep(60))]
    await asyncio.sleep(0)
    await cancel(tasks)
    assert all(task.done() for task in tasks)
