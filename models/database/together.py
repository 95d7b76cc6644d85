"""Reads for many who ask at the same time, in one go."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from background import Tasks, apart

Question = TypeVar("Question")
Answer = TypeVar("Answer")

# Small enough that those who came first are served on while the others are still read.
BATCH_MAX = 64
PATIENCE_S = 5.0  # a connection of the database may hang, and must not hold up all others


class Together(Generic[Question, Answer]):
    """Answers in batches, first come first served.

    All that is asked while a batch is read belongs to the next ones. `read` answers in order; an
    answer that is an exception is raised for who asked. Where `read` itself fails or hangs, each is
    asked alone, so that nobody fails by another's question. It must neither lock nor write.
    """

    def __init__(
        self,
        read: Callable[[Sequence[Question]], Awaitable[Sequence[Answer | Exception]]],
        *,
        batch_max: int = BATCH_MAX,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._read = read
        self._patience_s = patience_s
        self._batch_max = batch_max
        self._waiting: deque[tuple[Question, asyncio.Future[Answer]]] = deque()
        self._reading: asyncio.Task[None] | None = None
        self._alone = Tasks()

    async def ask(self, question: Question) -> Answer:
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((question, answer))
        if self._reading is None or self._reading.done():
            self._reading = apart(self._read_all())
        return await answer

    async def close(self) -> None:
        """End the readings of who was asked for alone; whoever waits for one is gone by then."""
        await self._alone.cancel()

    async def _read_all(self) -> None:
        while self._waiting:
            await asyncio.sleep(0)  # for those whose question is about to come
            count = min(len(self._waiting), self._batch_max)
            taken = [self._waiting.popleft() for _ in range(count)]
            # Nobody is read for who left meanwhile.
            batch = [(question, answer) for question, answer in taken if not answer.done()]
            try:
                async with asyncio.timeout(self._patience_s):
                    answers = await self._read([question for question, _ in batch]) if batch else ()
                answered = list(zip(batch, answers, strict=True))
            except (Exception, asyncio.CancelledError):  # a driver may raise the latter
                for question, waiting in batch:
                    self._alone.start(self._ask_alone(question, waiting))
            else:
                for (_, waiting), answer in answered:
                    _settle(waiting, answer)

    async def _ask_alone(self, question: Question, waiting: "asyncio.Future[Answer]") -> None:
        failure: BaseException = ConnectionError("The reading was ended.")
        try:
            async with asyncio.timeout(self._patience_s):
                (answer,) = await self._read([question])
            _settle(waiting, answer)
        except Exception as error:
            failure = error
        finally:
            _settle(waiting, failure)  # nobody waits for ever


def _settle(waiting: "asyncio.Future[Answer]", answer: Answer | BaseException) -> None:
    if waiting.done():
        return
    if isinstance(answer, BaseException):
        waiting.set_exception(answer)
    else:
        waiting.set_result(answer)
