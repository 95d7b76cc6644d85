"""Leases let one process at a time do something, until the lease expires."""

from datetime import datetime, timedelta

from models import Lease
from models.database import sql

TAKE = """
INSERT INTO leases (name, leased_until) VALUES ($1, $2)
ON CONFLICT (name) DO UPDATE SET leased_until = excluded.leased_until
WHERE leases.leased_until <= $3
"""


async def take_lease(name: str, now: datetime, lasting: timedelta) -> bool:
    """Take a lease by one statement; False if another process holds it."""
    return bool(await sql.execute(TAKE, name, now + lasting, now))


async def release_lease(name: str, now: datetime) -> None:
    """End a lease before it expires, for the next process that asks."""
    await Lease.filter(name=name).update(leased_until=now)
