"""What one process at a time does: whoever has the lease, until it runs out."""

from datetime import datetime, timedelta

from models import Lease
from models.database import sql

TAKE = """
INSERT INTO leases (name, leased_until) VALUES ($1, $2)
ON CONFLICT (name) DO UPDATE SET leased_until = excluded.leased_until
WHERE leases.leased_until <= $3
"""


async def take_lease(name: str, now: datetime, lasting: timedelta) -> bool:
    """Whether it is ours now, by one statement: of several who ask, one gets it."""
    return bool(await sql.execute(TAKE, name, now + lasting, now))


async def give_back(name: str, now: datetime) -> None:
    """For the next who asks, before it runs out."""
    await Lease.filter(name=name).update(leased_until=now)
