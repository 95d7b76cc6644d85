"""Transactions: `atomic` is the only way to one. A cancelled task leaves none of them open."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar, cast

from tortoise.backends.base.client import TransactionalDBClient
from tortoise.connection import get_connections

from models.database.connection import client

CHECKOUT_SECONDS = 10

logger = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(eq=False)
class Transaction:
    """A transaction under way."""

    owner: asyncio.Task[Any] | None = field(default_factory=asyncio.current_task)
    is_open: bool = True
    is_broken: bool = False
    callbacks: list[Callable[[], Any]] = field(default_factory=list)

    def on_commit(self, callback: Callable[[], Any]) -> None:
        """Call `callback` after the commit, never after a rollback; the first added comes first."""
        self.callbacks.append(callback)


class Connection(TransactionalDBClient):
    """An engine's connection while one transaction has it; `commit` sets `is_committed`."""

    is_committed = False


class Engine(Protocol):
    """The part of an engine's client that a transaction uses."""

    connection_name: str

    def checkout(self) -> AbstractAsyncContextManager[Connection]:
        """Hold a connection for one transaction, waiting until one is free."""
        ...


_current: ContextVar[Transaction | None] = ContextVar("transaction", default=None)


@asynccontextmanager
async def atomic() -> AsyncIterator[Transaction]:
    """Store all of the block, or nothing of it. A block inside another one joins it.

    An error that leaves an inner block undoes the outer one too, even when the outer one catches
    it.
    """
    outer = _current.get()
    if outer is not None and outer.is_open:
        if outer.owner is not asyncio.current_task():
            raise RuntimeError("A task that was started inside a transaction cannot join it.")
        try:
            yield outer
        except BaseException:
            outer.is_broken = True
            raise
        return
    engine = client()
    while isinstance(engine, Connection):  # inherited from a transaction that is over
        engine = engine._parent
    current, connection = Transaction(), None
    try:
        async with transaction(cast(Engine, engine)) as connection:
            token = _current.set(current)
            try:
                yield current
                if current.is_broken:
                    message = "A part of this transaction failed, so none of it is stored."
                    raise RuntimeError(message)
            finally:
                current.is_open = False
                _current.reset(token)
    finally:
        if connection is not None and connection.is_committed:
            for callback in current.callbacks:
                try:
                    callback()
                except Exception:
                    logger.exception("on_commit callback failed")


@asynccontextmanager
async def transaction(engine: Engine) -> AsyncIterator[Connection]:
    """Begin, and end with the block: in a commit or, after an error, in a rollback."""
    async with AsyncExitStack() as held:
        # A cancellation may interrupt this wait, as no connection is held yet.
        async with asyncio.timeout(CHECKOUT_SECONDS):
            connection = await held.enter_async_context(engine.checkout())
        try:
            await connection.begin()
            token = get_connections().set(engine.connection_name, connection)
            try:
                yield connection
            finally:
                get_connections().reset(token)
            await finish(connection.commit())
        except BaseException:
            if not connection.is_committed:  # it is when the cancellation came during the commit
                try:
                    await finish(connection.rollback())
                except Exception:
                    # The error that ends the transaction says more than the lost connection does.
                    logger.info("rollback failed", exc_info=True)
            raise
        finally:
            connection._finalized = True


async def finish(work: Coroutine[Any, Any, T]) -> T:
    """Run the work to its end even when this task is cancelled; then raise the cancellation."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait((task,))
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is None:
        return task.result()
    if not task.cancelled() and (failure := task.exception()) is not None:
        logger.warning("cancelled work failed", exc_info=failure)
    raise cancelled
