"""Many who ask at the same time are answered in batches, and nobody fails by another."""

import asyncio
from collections.abc import Sequence

import pytest

from models.database.together import Together

HANGS = 100


class Table:
    """Doubles numbers, once it is let. It fails for all where one of them is a poison, below 0."""

    def __init__(self, batch_max: int = 3, patience_s: float = 60) -> None:
        self.batches: list[list[int]] = []
        self.may_read = asyncio.Event()
        self.together = Together(self._read, batch_max=batch_max, patience_s=patience_s)

    async def _read(self, asked: Sequence[int]) -> list[int | Exception]:
        self.batches.append(list(asked))
        await self.may_read.wait()
        if HANGS in asked:
            await asyncio.Event().wait()
        if min(asked) < 0:
            raise ValueError(f"poison {min(asked)}")
        return [LookupError("odd") if one % 2 else one * 2 for one in asked]

    async def ask(self, *numbers: int) -> list["asyncio.Task[int]"]:
        tasks = [asyncio.create_task(self.together.ask(number)) for number in numbers]
        for _ in range(3):
            await asyncio.sleep(0)
        return tasks


async def test_what_is_asked_during_a_batch_is_read_in_order_and_in_parts() -> None:
    table = Table()
    tasks = await table.ask(0)
    tasks += await table.ask(2, 4, 6, 8, 10)
    table.may_read.set()
    assert await asyncio.gather(*tasks) == [0, 4, 8, 12, 16, 20]
    assert table.batches == [[0], [2, 4, 6], [8, 10]]


async def test_an_answer_may_be_a_refusal_for_one_alone() -> None:
    table = Table()
    table.may_read.set()
    tasks = await table.ask(2, 3, 4)
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert [answers[0], answers[2]] == [4, 8]
    assert isinstance(answers[1], LookupError)


async def test_a_poison_fails_alone() -> None:
    table = Table()
    table.may_read.set()
    tasks = await table.ask(2, -1, 4)
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert [answers[0], answers[2]] == [4, 8]
    assert isinstance(answers[1], ValueError)
    with pytest.raises(ValueError, match="poison -5"):
        await table.together.ask(-5)
    assert await table.together.ask(6) == 12


async def test_nothing_is_read_for_who_left() -> None:
    table = Table()
    first = await table.ask(0)
    gone, stays = await table.ask(2, 4)
    gone.cancel()
    await asyncio.wait([gone])
    first[0].cancel()
    table.may_read.set()
    assert await stays == 8
    assert table.batches == [[0], [4]]


async def test_all_may_leave() -> None:
    table = Table()
    tasks = [*await table.ask(0), *await table.ask(2)]
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    table.may_read.set()
    assert await table.together.ask(4) == 8
    assert table.batches == [[0], [4]]


async def test_who_came_first_is_answered_while_the_last_still_wait() -> None:
    table = Table(batch_max=1)
    first, last = await table.ask(2, 4)
    table.may_read.set()
    assert await first == 4
    table.may_read.clear()
    assert not last.done()
    table.may_read.set()
    assert await last == 8


async def test_a_reading_that_hangs_holds_up_nobody_else() -> None:
    table = Table(patience_s=0)
    table.may_read.set()
    neighbour, hanging = await table.ask(2, HANGS)
    assert await neighbour == 4
    assert await table.together.ask(6) == 12
    for waiting in (hanging, table.together.ask(HANGS)):
        with pytest.raises(TimeoutError):
            await waiting
    await table.together.close()


async def test_who_asks_is_answered_where_the_reading_is_cancelled() -> None:
    """A driver may raise it; nobody of ours cancels a reading."""

    async def read(asked: Sequence[int]) -> list[int | Exception]:
        raise asyncio.CancelledError

    together: Together[int, int] = Together(read, batch_max=2)
    answers = await asyncio.gather(*map(together.ask, range(5)), return_exceptions=True)
    assert [type(one) for one in answers] == [ConnectionError] * 5


async def test_a_reading_that_gives_too_few_answers_fails_for_each() -> None:
    async def read(asked: Sequence[int]) -> list[int | Exception]:
        return []

    together: Together[int, int] = Together(read)
    answers = await asyncio.gather(*map(together.ask, range(3)), return_exceptions=True)
    assert [type(one) for one in answers] == [ValueError] * 3
