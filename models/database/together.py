"""Reads for many who ask at the same time, in one go."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from background import apart

Question = TypeVar("Question")
Answer = TypeVar("Answer")

# Small enough that those who came first are served on while the others are still read.
BATCH_MAX = 64


class Together(Generic[Question, Answer]):
    """Answers in batches, first come first served.

    All that is asked while a batch is read belongs to the next ones. `read` answers in order; an
    answer that is an exception is raised for who asked. Where `read` itself fails, each is asked
    alone, so that nobody fails by another's question. It must neither wait for others nor write.
    """

    def __init__(
        self,
        read: Callable[[Sequence[Question]], Awaitable[Sequence[Answer | Exception]]],
        *,
        batch_max: int = BATCH_MAX,
    ) -> None:
        self._read = read
        self._batch_max = batch_max
        self._waiting: deque[tuple[Question, asyncio.Future[Answer]]] = deque()
        self._reading: asyncio.Task[None] | None = None

    async def ask(self, question: Question) -> Answer:
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((question, answer))
        if self._reading is None or self._reading.done():
            self._reading = apart(self._read_all())
        return await answer

    async def _read_all(self) -> None:
        while self._waiting:
            await asyncio.sleep(0)  # for those whose question is about to come
            count = min(len(self._waiting), self._batch_max)
            taken = [self._waiting.popleft() for _ in range(count)]
            # Nobody is read for who left meanwhile.
            batch = [(question, answer) for question, answer in taken if not answer.done()]
            try:
                answers = await self._read([question for question, _ in batch]) if batch else ()
            except Exception as error:
                await self._ask_alone(batch, error)
            else:
                for (_, waiting), answer in zip(batch, answers, strict=True):
                    _settle(waiting, answer)

    async def _ask_alone(
        self, batch: Sequence[tuple[Question, asyncio.Future[Answer]]], error: Exception
    ) -> None:
        if len(batch) == 1:
            _settle(batch[0][1], error)
            return
        asked = (self._read([question]) for question, _ in batch)
        alone = await asyncio.gather(*asked, return_exceptions=True)
        for (_, waiting), answers in zip(batch, alone, strict=True):
            if isinstance(answers, BaseException):
                _settle(waiting, answers)
            else:
                _settle(waiting, answers[0])


def _settle(waiting: "asyncio.Future[Answer]", answer: Answer | BaseException) -> None:
    if waiting.done():
        return
    if isinstance(answer, BaseException):
        waiting.set_exception(answer)
    else:
        waiting.set_result(answer)
