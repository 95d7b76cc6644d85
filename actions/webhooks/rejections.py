"""Counts unsigned requests at LiveKit's door by the minute, without a write for each of them."""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from background import apart, cancel
from models.database import sql

logger = logging.getLogger("halaqa.webhooks")

FLUSH_EVERY_S = 60.0
KEPT_FOR = timedelta(days=1)

ADD_NUMBER = """
INSERT INTO webhook_rejections (minute, number) VALUES ($1, $2)
ON CONFLICT (minute) DO UPDATE SET number = webhook_rejections.number + excluded.number
"""
COUNT_SINCE = "SELECT coalesce(sum(number), 0) AS number FROM webhook_rejections WHERE minute > $1"


class Rejections:
    """One number per minute, in memory until it is flushed."""

    def __init__(self) -> None:
        self._pending: Counter[datetime] = Counter()

    def count(self, now: datetime) -> None:
        self._pending[now.replace(second=0, microsecond=0)] += 1

    def clear(self) -> None:
        self._pending.clear()

    async def flush(self, now: datetime) -> None:
        """Write the numbers to the database; keep them for the next time if that fails."""
        pending, self._pending = self._pending, Counter()
        rows = [(minute, n) for minute, n in pending.items() if minute > now - KEPT_FOR]
        try:
            if rows:
                await sql.execute_many(ADD_NUMBER, rows)
                logger.warning("webhooks refused", extra={"number": sum(n for _, n in rows)})
        except BaseException:
            self._pending.update(dict(rows))
            raise

    async def since(self, moment: datetime) -> int:
        """Count the rejections after a moment: those in the database and this process's own."""
        (written,) = await sql.query(COUNT_SINCE, moment)
        pending = (n for minute, n in self._pending.items() if minute > moment)
        return int(written["number"]) + sum(pending)

    async def forget_old(self, now: datetime) -> None:
        await sql.execute("DELETE FROM webhook_rejections WHERE minute < $1", now - KEPT_FOR)


rejections = Rejections()  # one per process


@asynccontextmanager
async def writing_down(
    now: Callable[[], datetime], every_s: float = FLUSH_EVERY_S
) -> AsyncIterator[None]:
    """Flush the rejections every `every_s` seconds while the block lasts, and at its end.

    The database must be open.
    """
    task = apart(_keep_flushing(now, every_s))
    try:
        yield
    finally:
        await cancel([task])
        await _flush(now())


async def _keep_flushing(now: Callable[[], datetime], every_s: float) -> None:
    while True:
        await asyncio.sleep(every_s)
        await _flush(now())


async def _flush(now: datetime) -> None:
    try:
        await rejections.flush(now)
    except Exception:
        logger.warning("rejections not written down", exc_info=True)
