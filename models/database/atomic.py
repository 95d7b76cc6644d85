"""The only way to a transaction."""

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
    """`connection` is the Tortoise client of this transaction."""

    def __init__(self, connection: TransactionalDBClient) -> None:
        self.connection = connection
        self.is_open = True
        self.is_broken = False
        self.owner = asyncio.current_task()
        self._callbacks: list[Callable[[], Any]] = []

    def on_commit(self, callback: Callable[[], Any]) -> None:
        """Call it once the transaction is stored, after those asked for before; never otherwise."""
        self._callbacks.append(callback)

    def _announce(self) -> None:
        for callback in self._callbacks:
            try:
                callback()
            except Exception:
                logger.exception("on_commit callback failed")


_current: ContextVar[Transaction | None] = ContextVar("transaction", default=None)


@asynccontextmanager
async def atomic() -> AsyncIterator[Transaction]:
    """All of the block is stored, or nothing of it; a block inside another joins it.

    An error that leaves an inner block undoes the outer one too, even when it is caught there.
    """
    outer = _current.get()
    within = _joined(outer) if outer is not None and outer.is_open else _begun()
    async with within as transaction:
        yield transaction


@asynccontextmanager
async def _joined(outer: Transaction) -> AsyncIterator[Transaction]:
    if outer.owner is not asyncio.current_task():
        raise RuntimeError("A task that was started inside a transaction cannot join it.")
    try:
        yield outer
    except BaseException:
        outer.is_broken = True
        raise


@asynccontextmanager
async def _begun() -> AsyncIterator[Transaction]:
    scope = cast(OneTransaction, client()._in_transaction())
    transaction: Transaction | None = None
    try:
        async with scope as connection:
            transaction = Transaction(connection)
            async with _as_current(transaction):
                yield transaction
    finally:
        # Also when a cancellation arrived while it was being stored.
        if transaction is not None and scope.is_committed:
            transaction._announce()


@asynccontextmanager
async def _as_current(transaction: Transaction) -> AsyncIterator[None]:
    token = _current.set(transaction)
    try:
        yield
        if transaction.is_broken:
            raise RuntimeError("A part of this transaction failed, so none of it is stored.")
    finally:
        transaction.is_open = False
        _current.reset(token)
