"""Transactions: `atomic` is the only way to one."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Any, cast

from tortoise.backends.base.client import TransactionalDBClient

from models.database.connection import client
from models.database.transaction import OneTransaction

logger = logging.getLogger(__name__)


class Transaction:
    """A transaction under way. `connection` is its Tortoise client."""

    def __init__(self, connection: TransactionalDBClient) -> None:
        self.connection = connection
        self.is_open = True
        self.is_broken = False
        self.owner = asyncio.current_task()
        self._callbacks: list[Callable[[], Any]] = []

    def on_commit(self, callback: Callable[[], Any]) -> None:
        """Call `callback` after the commit, never after a rollback; the first added comes first."""
        self._callbacks.append(callback)

    def _run_callbacks(self) -> None:
        for callback in self._callbacks:
            try:
                callback()
            except Exception:
                logger.exception("on_commit callback failed")


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
    scope = cast(OneTransaction, client()._in_transaction())
    transaction: Transaction | None = None
    try:
        async with scope as connection:
            transaction = Transaction(connection)
            token = _current.set(transaction)
            try:
                yield transaction
                if transaction.is_broken:
                    message = "A part of this transaction failed, so none of it is stored."
                    raise RuntimeError(message)
            finally:
                transaction.is_open = False
                _current.reset(token)
    finally:
        # `is_committed` also holds when a cancellation arrived during the commit.
        if transaction is not None and scope.is_committed:
            transaction._run_callbacks()
