"""The transactions of both engines: a cancelled task leaks neither a connection nor a lock."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, Protocol, TypeVar

from tortoise.backends.base.client import TransactionalDBClient, TransactionContext
from tortoise.connection import ConnectionToken, get_connections

CHECKOUT_SECONDS = 10

logger = logging.getLogger(__name__)
T = TypeVar("T")


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


class Engine(Protocol):
    """The methods of a client that a transaction uses."""

    connection_name: str

    async def checkout(self) -> TransactionalDBClient:
        """Take a connection for one transaction, waiting until one is free."""
        ...

    async def release(self, client: Any) -> None:
        """Return the connection that `checkout` took."""
        ...


class OneTransaction(TransactionContext):
    """One transaction: it ends with the block, in a commit or, after an error, in a rollback."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.is_committed = False
        self._token: ConnectionToken | None = None

    async def __aenter__(self) -> TransactionalDBClient:
        # A cancellation may interrupt this wait, as no connection is held yet.
        async with asyncio.timeout(CHECKOUT_SECONDS):
            self.client = await self._engine.checkout()
        try:
            await self.client.begin()
        except BaseException:
            await finish(self._end(failed=True))
            raise
        self._token = get_connections().set(self._engine.connection_name, self.client)
        return self.client

    async def __aexit__(self, kind: Any, error: Any, trace: Any) -> None:
        get_connections().reset(self._token)
        await finish(self._end(failed=kind is not None))

    async def _end(self, *, failed: bool) -> None:
        try:
            if failed:
                try:
                    await self.client.rollback()
                except Exception:
                    # The error that ends the transaction says more than the lost connection does.
                    logger.info("rollback failed", exc_info=True)
            else:
                await self.client.commit()
                self.is_committed = True
        finally:
            self.client._finalized = True
            await self._engine.release(self.client)
