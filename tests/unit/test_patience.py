"""A test that waits in vain says what it waited for and what it saw last."""

import asyncio
from collections.abc import Awaitable

import pytest

from tests.support.patience import see, until, within


async def refused(waiting: Awaitable[object]) -> str:
    with pytest.raises(AssertionError) as failure:
        await waiting
    return str(failure.value)


async def test_a_lambda_is_quoted_with_the_values_that_it_reads() -> None:
    calls, number = ["ListRooms"], 2
    told = await refused(until(lambda: calls.count("ListRooms") == number, within_s=0.05))
    assert told == (
        "not within 0.05 s: calls.count('ListRooms') == number; "
        "seen last: False, calls = ['ListRooms'], number = 2"
    )


async def test_a_function_is_named_and_tells_what_it_saw() -> None:
    async def is_ongoing() -> bool:
        return see("SCHEDULED") == "ONGOING"

    told = await refused(until(is_ongoing, within_s=0.05))
    assert told == "not within 0.05 s: is_ongoing; seen last: 'SCHEDULED'"


async def test_a_failure_can_name_what_was_awaited() -> None:
    told = await refused(until(lambda: 0, "the room is there", within_s=0.05))
    assert told == "not within 0.05 s: the room is there; seen last: 0"


async def test_a_condition_that_hangs_has_given_no_answer() -> None:
    forever = asyncio.Event()
    told = await refused(until(forever.wait, "the bell", within_s=0.05))
    assert told == "not within 0.05 s: the bell; seen last: no answer at all"


async def test_the_first_true_answer_is_returned() -> None:
    answers = iter([0, None, "here"])
    assert await until(lambda: next(answers)) == "here"


async def test_a_block_that_takes_too_long_names_what_did_not_come() -> None:
    with pytest.raises(AssertionError, match=r"^not within 0\.05 s: a frame$"):
        async with within(0.05, "a frame"):
            await asyncio.Event().wait()


async def test_a_timeout_of_the_code_under_test_stays_its_own() -> None:
    async def gives_up() -> bool:
        raise TimeoutError("its own")

    with pytest.raises(TimeoutError, match="its own"):
        await until(gives_up)
    with pytest.raises(TimeoutError, match="its own"):
        async with within(1, "a frame"):
            await gives_up()
