"""Inboxes and gates do what asyncio's queues and events do, in far less memory."""

import asyncio

from subscriptions.incoming import Gate, Inbox
from tests.support.patience import PATIENCE_S


async def test_an_inbox_gives_what_came_in_order_also_to_who_waits() -> None:
    inbox: Inbox[int] = Inbox()
    for number in (1, 2):
        inbox.put_nowait(number)
    assert not inbox.empty()
    assert [await inbox.get(), await inbox.get()] == [1, 2]
    assert inbox.empty()
    waiting = asyncio.create_task(inbox.get())
    await asyncio.sleep(0)
    for number in (3, 4):
        inbox.put_nowait(number)
    async with asyncio.timeout(PATIENCE_S):
        assert [await waiting, await inbox.get()] == [3, 4]


async def test_nothing_is_lost_with_a_reader_who_was_cancelled() -> None:
    inbox: Inbox[int] = Inbox()
    waiting = asyncio.create_task(inbox.get())
    await asyncio.sleep(0)
    inbox.put_nowait(1)
    waiting.cancel()  # after it was woken, and before it has run
    await asyncio.wait([waiting])
    inbox.put_nowait(2)
    assert [await inbox.get(), await inbox.get()] == [1, 2]


async def test_a_gate_holds_all_who_come_until_it_is_set() -> None:
    gate = Gate()
    assert gate.is_set()
    await gate.wait()
    gate.clear()
    waiting = [asyncio.create_task(gate.wait()) for _ in range(3)]
    await asyncio.sleep(0)
    waiting.pop().cancel()
    await asyncio.sleep(0)
    gate.clear()
    assert not gate.is_set()
    assert not any(one.done() for one in waiting)
    gate.set()
    async with asyncio.timeout(PATIENCE_S):
        await asyncio.gather(*waiting)
    assert gate.is_set()
